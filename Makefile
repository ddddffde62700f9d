# Every target does its own set-up: Python 3.11 or later (venv or pip) and make are all it takes.
.DEFAULT_GOAL := help
.PHONY: help up demo portal test test-faults test-portal faults bench bench-full bench-lanes bench-micro bench-scaling check types format interop e2e clean lock

VENV := .venv/bin
# The environment's own Python where it works, else the first one that is new enough.
PYTHON := $(shell for python in $(VENV)/python python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -ISc 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
ifeq ($(PYTHON),)
$(error Clearpost needs Python 3.11 or later: install it (Debian: apt-get install python3 python3-venv))
endif
BOOTSTRAP := $(PYTHON) -I bootstrap.py
NPM_RUN := $(PYTHON) -I scripts/build_portal.py run
SHARED := --max-worker-restart 0 --numprocesses

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## Set up and start everything on this machine, send one message, and keep running
	@$(BOOTSTRAP) run
	@$(BOOTSTRAP) portal || echo "set-up: going on without the portal; all else works"
	@exec $(VENV)/python -m clearpost up

demo: ## The same, but end by itself once the message has arrived and its bytes are gone
	@$(BOOTSTRAP) run
	@exec $(VENV)/python -m clearpost demo

portal: ## Build the portal, with the Node that is here or one from PyPI
	@$(BOOTSTRAP) portal

test: ## Run the tests (all of it, or ARGS="tests/mailcore -k srs")
	@$(BOOTSTRAP) dev
	@$(BOOTSTRAP) corpus
ifdef ARGS
	@$(VENV)/python -m pytest $(ARGS)
else
	@$(VENV)/python -m pytest $(SHARED) 3 --dist loadfile --no-loadscope-reorder --ignore tests/faults --ignore tests/hostile
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-faults test-portal
	@$(VENV)/python -m pytest tests/hostile
endif

# Most faults wait most of the time: two at once, each with servers of its own, and the portal's tests in what is left.
test-faults:
	@$(VENV)/python -m pytest $(SHARED) 2 --dist load --maxschedchunk 1 tests/faults

test-portal:
	@nice -n 19 $(NPM_RUN) test

faults: ## Every fault there is against real processes, as a table (ARGS="--only F13,F21", --json)
	@$(BOOTSTRAP) dev
	@$(VENV)/python -m tests.faults $(ARGS)

bench: ## Speed, ours and a Postfix stack's in turn, under 10 minutes (needs Debian packages, root)
	@$(BOOTSTRAP) dev
	@$(VENV)/python -m bench quick $(ARGS)

bench-full: ## All rows of it in the background (ARGS=--status, --stop, --fresh)
	@$(BOOTSTRAP) dev
	@$(VENV)/python -m bench full $(ARGS)

check: ## Format, lint, types, import contracts, migrations, the portal and its client
	@$(BOOTSTRAP) dev
	@$(BOOTSTRAP) npm
	@$(VENV)/python scripts/check.py

types: ## Write the portal's client and message catalogue anew, as the API and the code have them
	@$(BOOTSTRAP) dev
	@$(VENV)/python scripts/openapi.py frontend/openapi.json
	@$(NPM_RUN) types
	@$(NPM_RUN) messages

format: ## Put the code into shape
	@$(BOOTSTRAP) dev
	@$(VENV)/ruff format -q . && $(VENV)/ruff check --fix -q .
	@$(NPM_RUN) format

interop: ## Tests against other mail software (needs Debian packages)
	@$(BOOTSTRAP) dev
	@$(BOOTSTRAP) peers
	@$(VENV)/python scripts/system_suite.py interop

e2e: ## Tests in a real browser (needs Debian packages); ARGS="-k overview"
	@$(BOOTSTRAP) dev
	@$(BOOTSTRAP) portal
	@$(BOOTSTRAP) npm
	@$(VENV)/python scripts/system_suite.py e2e $(ARGS)

bench-lanes: ## Does the fast lane stay fast while the standard one is flooded? (12 minutes; ARGS=--short: 3)
	@$(BOOTSTRAP) run
	@$(VENV)/python -m bench.lanes --docs docs $(ARGS)

bench-micro: ## Single steps of a message's path, and the ratios between them that must hold
	@$(BOOTSTRAP) dev
	@$(VENV)/python -m pytest bench/micro -p benchmark --benchmark-columns=min,median,stddev,rounds $(ARGS)

bench-scaling: ## What a message costs among more aliases, tenants, waiting mail and nodes (ARGS=--short)
	@$(BOOTSTRAP) run
	@$(VENV)/python -m bench.scaling --page docs/scaling.md $(ARGS)

clean: ## Remove the local stack's data, the environment and all caches
	@$(PYTHON) scripts/clean.py

lock: ## Resolve requirements*.lock and package-lock.json anew
	@$(BOOTSTRAP) lock
