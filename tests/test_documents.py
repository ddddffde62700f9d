"""The documents tell the truth: every file, function, column, metric, setting and link they name is there."""

import importlib.metadata
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import customers
import mailcore
from clearpost.local_settings import LocalSettings
from mailcore import metrics, service_status, settings
from tests.support.services import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RECORDS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
TOPS = ("api", "billing", "clearpost", "customers", "mailcore", "workers")
PYTHON = [path for top in TOPS for path in (ROOT / top).rglob("*.py")]
CODE = "\n".join(path.read_text(encoding="utf-8") for path in PYTHON)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("package", [mailcore, customers], ids=lambda package: package.__name__)
def test_the_map_of_a_package_names_every_file_and_no_other(package: ModuleType) -> None:
    named = re.findall(r"^ {4}(\w+\.py) ", package.__doc__ or "", re.MULTILINE)
    there = [path.name for path in (ROOT / package.__name__).glob("*.py") if path.name != "__init__.py"]
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_python_file_named_is_there(document: Path) -> None:
    named = set(re.findall(r"`(?:clearpost/)?(\w+(?:/\w+)?\.py)\b", document.read_text(encoding="utf-8")))
    ours = [*PYTHON, *(path for folder in ("tools", "bench") for path in (ROOT / folder).glob("*.py"))]
    there = {path.name for path in ours} | {f"{path.parent.name}/{path.name}" for path in ours}
    assert sorted(named - there) == []


def test_every_function_of_the_flow_is_there() -> None:
    """`module.Name`, `module.Name.method` and `module.function`, wherever the module is ours."""
    modules = {path.stem: path for name in ("mailcore", "customers") for path in (ROOT / name).glob("*.py")}
    named = re.findall(r"`(\w+)\.([\w.]+)(?:\(.*?\))?`", text_of("docs/flow.md"))
    ours = [(module, name) for module, name in named if module in modules and name != "py"]
    assert len(ours) > 30
    assert [f"{module}.{name}" for module, name in ours if not has(modules[module], name)] == []


def has(path: Path, name: str) -> bool:
    """Whether the module has this name; a method may also be named without its class."""
    found: object = importlib.import_module(f"{path.parent.name}.{path.stem}")
    first, *rest = name.split(".")
    if not hasattr(found, first):
        return re.search(rf"def {first}\(", path.read_text(encoding="utf-8")) is not None
    return all(hasattr(found := getattr(found, part), "__name__") for part in (first, *rest))


def test_operations_explains_every_metric_and_no_other() -> None:
    source = Path(metrics.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"`(clearpost_\w+)`", text_of("docs/operations.md"))) == set(
        re.findall(r'"(clearpost_\w+)"', source)
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_setting_named_exists(document: Path) -> None:
    named = set(re.findall(r"CLEARPOST_([A-Z0-9_]+)", document.read_text(encoding="utf-8")))
    fields = settings.Settings.model_fields.keys() | LocalSettings.model_fields.keys()
    known = {name.upper() for name in fields} | {"CRASH_AT", "FAIL_IO"}
    assert sorted(named - known) == []


def test_every_log_line_an_operator_is_told_of_exists() -> None:
    what_to_do = text_of("docs/operations.md").partition("## What to do")[2].partition("\n## ")[0]
    columns = [line.split("|") for line in what_to_do.splitlines() if line.startswith("| ")]
    named = re.findall(r"`([a-z]+_[a-z_]+)`", "".join("".join(column[1:3]) for column in columns))
    assert [name for name in named if not name.startswith("clearpost_") and f'"{name}"' not in CODE] == []


def test_the_example_of_settings_is_up_to_date() -> None:
    assert text_of(".env.example") == settings.example_env() + "\n", (
        "python -m mailcore.settings > .env.example"
    )


@pytest.mark.parametrize("record", RECORDS, ids=relative)
def test_a_decision_has_its_four_parts_and_its_place_in_the_list(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
    ]
    title = text.partition(". ")[2].splitlines()[0]
    assert f"]({record.name}) | {title} |" in text_of("docs/decisions/README.md")


def test_the_readme_names_the_commands_that_make_has() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", text_of("Makefile"), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"(?:^ {4}|`)make ([a-z0-9]+)", text_of(document), re.MULTILINE)) <= targets


def test_the_version_that_the_status_tells_is_that_of_the_project() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert project["version"] == service_status.VERSION


def test_what_is_imported_is_asked_for_by_name() -> None:
    """What comes along with something else may leave with it."""
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    named = {re.split(r"[\[<>=~!]", each)[0].replace("_", "-").lower() for each in asked}
    brought = importlib.metadata.packages_distributions()
    imported = set()
    for top in (*TOPS, "tests"):
        for path in (ROOT / top).rglob("*.py"):
            lines = re.findall(r"^(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            imported |= {name for line in lines for name in brought.get(line, [])[:1]}
    assert {name.replace("_", "-").lower() for name in imported} - named - {"clearpost"} == set()
