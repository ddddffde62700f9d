"""The portal is served with a nonce of its own each time, its files for a year, and nothing of anybody."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.portal import SCREENS
from tests.support.api import SignedInPerson, World, running_api

INDEX = (
    '<meta name="csp-nonce" content="__CSP_NONCE__"><script nonce="__CSP_NONCE__" src="/assets/main-1a.js">'
)
A_PAGE = {"Accept": "text/html,application/xhtml+xml"}
LETTERS_LEAD_TO = ("/domains/01a2", "/destinations", "/logs", "/billing")


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    assets = tmp_path / "dist" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text(INDEX)
    (assets.parent / "secret.txt").write_text("not an asset")
    for name in ("main-1a.js", "main-1a.css", "logo-1a.svg", "notes.txt"):
        (assets / name).write_text(f"/* {name} */")
        (assets / f"{name}.gz").write_bytes(gzip.compress(f"/* {name} */".encode()))
    return assets.parent


@pytest.fixture
async def world(database_url: str, redis_url: str, tmp_path: Path, dist: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path, portal_dir=dist, redis_url=redis_url) as running:
        yield running


@pytest.fixture
async def person(world: World) -> SignedInPerson:
    return await world.person(await world.tenant())


@pytest.mark.parametrize("screen", [*(f"/{each}" for each in SCREENS if each), *LETTERS_LEAD_TO])
async def test_every_screen_is_the_portal(person: SignedInPerson, screen: str) -> None:
    shown = await person.http.get(screen, headers=A_PAGE)
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert shown.headers["referrer-policy"] == "same-origin"


async def test_every_answer_has_a_nonce_of_its_own_in_page_and_policy(person: SignedInPerson) -> None:
    seen = set()
    for _ in range(3):
        shown = await person.http.get("/overview")
        nonces = set(re.findall(r'(?:content|nonce)="([\w-]{20,})"', shown.text))
        (nonce,) = nonces
        policy = shown.headers["content-security-policy"]
        assert policy.count(f"'nonce-{nonce}'") == 2
        assert "__CSP_NONCE__" not in shown.text + policy
        seen |= nonces
    assert len(seen) == 3


async def test_the_policy_lets_nothing_in_from_elsewhere(person: SignedInPerson) -> None:
    policy = (await person.http.get("/overview")).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["connect-src"] == rules["form-action"] == "'self'"
    assert not re.search(r"unsafe|https?:|\*", policy)
    assert not [name for name, value in rules.items() if "data:" in value and name != "img-src"]


async def test_whoever_is_signed_out_signs_in_and_comes_back(world: World) -> None:
    sent = await world.anonymous.get("/logs", params={"state": "soft-bounced", "q": "ä&b"}, headers=A_PAGE)
    assert sent.status_code == 303
    form = await world.anonymous.get(sent.headers["location"])
    assert 'name="next" value="/logs?state=soft-bounced&amp;q=%C3%A4%26b"' in form.text


async def test_the_page_comes_while_the_database_is_away(world: World, person: SignedInPerson) -> None:
    await world.runtime.database.close()
    assert (await person.http.get("/overview", headers=A_PAGE)).status_code == 200


async def test_an_unknown_address_keeps_the_shell_for_whoever_is_signed_in(
    world: World, person: SignedInPerson
) -> None:
    shown = await person.http.get("/no/such/place", headers=A_PAGE)
    assert (shown.status_code, "csp-nonce" in shown.text) == (404, True)
    plain = await world.anonymous.get("/no/such/place", headers=A_PAGE)
    assert (plain.status_code, "csp-nonce" in plain.text) == (404, False)
    assert plain.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/v1/nothing", "/auth/nothing", "/oauth/nothing", "/assets/nothing-1a.js"])
async def test_what_is_for_machines_is_refused_as_a_problem(person: SignedInPerson, path: str) -> None:
    for accept in ("text/html", "*/*"):
        answer = await person.http.get(path, headers={"Accept": accept})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_script_that_asks_for_an_unknown_address_hears_a_problem(person: SignedInPerson) -> None:
    for answer in (
        await person.http.get("/nothing"),
        await person.http.post("/nothing", headers=A_PAGE),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await person.http.delete("/overview")).json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("main-1a.js", "text/javascript; charset=utf-8"),
        ("main-1a.css", "text/css; charset=utf-8"),
        ("logo-1a.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_kept_for_a_year_and_comes_packed_to_who_takes_it(
    world: World, name: str, kind: str
) -> None:
    for accept, encoding in (("gzip, br", "gzip"), ("identity", None)):
        file = await world.anonymous.get(f"/assets/{name}", headers={"Accept-Encoding": accept})
        assert file.status_code == 200
        assert file.text == f"/* {name} */"
        assert file.headers["content-type"] == kind
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (file.headers["vary"], file.headers.get("content-encoding")) == ("Accept-Encoding", encoding)
        assert file.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["gone-1a.js", "notes.txt", "main-1a.js.gz", "..%2Findex.html", "..%2f..%2fkeys%2fsrs.key", "%2e%2e"],
)
async def test_no_other_file_is_sent(world: World, name: str) -> None:
    answer = await world.anonymous.get(f"/assets/{name}", headers=A_PAGE)
    assert answer.status_code == 404
    assert "csp-nonce" not in answer.text


async def test_a_report_is_counted_and_never_shown(world: World) -> None:
    before = await reports(world)
    told = {"csp-report": {"blocked-uri": "https://elsewhere.test/secret"}}
    assert (await world.anonymous.post("/csp-reports", json=told)).status_code == 204
    assert await reports(world) == before + 1
    assert "elsewhere" not in (await world.anonymous.get("/metrics")).text


async def test_reports_without_end_are_not_counted_without_end(world: World) -> None:
    before = await reports(world)
    answers = [(await world.anonymous.post("/csp-reports")).status_code for _ in range(40)]
    assert (answers[0], answers[-1]) == (204, 429)
    assert await reports(world) - before < 35


async def reports(world: World) -> int:
    text = (await world.anonymous.get("/metrics")).text
    found = re.search(r"^clearpost_csp_reports_total (\d+)", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


async def test_without_a_build_the_page_says_how_to_make_one(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, portal_dir=tmp_path / "nowhere") as world:
        person = await world.person(await world.tenant())
        shown = await person.http.get("/overview", headers=A_PAGE)
        assert shown.status_code == 503
        assert "python3 bootstrap.py portal" in shown.text
        assert (await person.http.get("/v1/account")).status_code == 200
        assert (await unknown(person.http)).status_code == 404


async def unknown(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get("/no/such/place", headers=A_PAGE)
