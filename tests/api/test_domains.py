"""Domains over HTTP: claim, publish, check, delete."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from mailcore import routing
from mailcore.envelope import Mailbox
from mailcore.mail_rules import LogLevel, MailRules
from mailcore.plans import Plan
from mailcore.rates import Rate
from mailcore.routing import NoSuchAlias, Resolved
from tests.support.api import Tenant, World, running_api


async def test_the_log_level_is_full_until_the_owner_chooses(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    assert domain["log_level"] == "full"
    path = f"/v1/domains/{domain['id']}"
    for chosen in ("no-subject", "no-sender", "failures"):
        assert (await tenant.http.patch(path, json={"log_level": chosen})).json()["log_level"] == chosen
    kept = (await tenant.http.patch(path, json={"log_level": None, "plus_addressing": False})).json()
    assert (kept["log_level"], kept["plus_addressing"]) == ("failures", False)
    assert (await tenant.http.patch(path, json={"log_level": "none"})).status_code == 422
    told = await world.runtime.database.fetch(
        "select detail from audit_event where action = 'domain.changed' and detail ? 'log_level' order by id"
    )
    assert [json.loads(row["detail"])["log_level"] for row in told] == ["no-subject", "no-sender", "failures"]


async def test_a_log_level_may_be_chosen_with_the_claim_and_counts_for_the_first_mail(
    world: World, tenant: Tenant
) -> None:
    body = {"name": "quiet.test", "log_level": "no-sender"}
    domain = (await tenant.http.post("/v1/domains", json=body)).json()
    assert domain["log_level"] == "no-sender"
    world.publish("quiet.test", tenant)
    world.zone.put("quiet.test", "MX", "10 mx.clearpost.test.")
    await tenant.http.post(f"/v1/domains/{domain['id']}/check")
    await tenant.alias(domain, "hello")
    routes = routing.Routes(world.runtime.database, world.runtime.keyring)
    for local_part, kind in (("hello", Resolved), ("nobody", NoSuchAlias)):
        found = await routes.resolve(Mailbox(local_part, "quiet.test"), world.clock.now())
        assert isinstance(found, kind)
        level = found.recipient.log_level if isinstance(found, Resolved) else found.log_level
        assert level is LogLevel.NO_SENDER


async def test_a_claim_tells_what_to_publish(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim("Example.TEST.")
    assert domain["name"] == "example.test"
    assert domain["state"] == "not_started"
    assert domain["records"] == [
        {
            "type": "TXT",
            "name": "_clearpost.example.test",
            "value": f"clearpost-verification={tenant.token}",
            "priority": None,
        },
        {"type": "MX", "name": "example.test", "value": "mx.clearpost.test", "priority": 10},
    ]
    assert domain["found"] is None


async def test_premium_publishes_the_fast_mx_first(world: World) -> None:
    domain = await (await world.tenant(plan=Plan.PREMIUM)).claim()
    assert [record["value"] for record in domain["records"] if record["type"] == "MX"] == [
        "fast.mx.clearpost.test",
        "mx.clearpost.test",
    ]


async def test_the_token_in_dns_verifies(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    world.publish("example.test", tenant)
    world.zone.put("example.test", "MX", "10 mx.clearpost.test.")
    checked = (await tenant.http.post(f"/v1/domains/{domain['id']}/check")).json()
    assert checked["state"] == "verified"
    assert checked["verified_at"]
    assert checked["found"]["ownership"]["state"] == "ok"
    assert checked["found"]["mx"] == {
        "wanted": "10 mx.clearpost.test.",
        "found": ["10 mx.clearpost.test"],
        "name": "example.test",
        "state": "ok",
        "cause": "",
        "next_step": "",
        "required": True,
        "where": [],
    }
    assert (await tenant.http.get(f"/v1/domains/{domain['id']}")).json() == checked


async def test_without_the_token_a_check_says_what_is_missing(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    world.zone.put("example.test", "A", "9.9.9.9")
    checked = (await tenant.http.post(f"/v1/domains/{domain['id']}/check")).json()
    assert checked["state"] == "not_started"
    assert checked["found"]["ownership"]["state"] == "missing"
    assert "_clearpost.example.test" in checked["found"]["ownership"]["next_step"]


async def test_an_idn_is_claimed_by_its_a_labels(tenant: Tenant) -> None:
    assert (await tenant.claim("bücher.test"))["name"] == "xn--bcher-kva.test"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("localhost", "domain_invalid"),
        ("127.0.0.1", "domain_invalid"),
        ("[::1]", "domain_invalid"),
        ("https://example.org/", "domain_invalid"),
        ("you@example.org", "domain_invalid"),
        ("-bad-.org", "domain_invalid"),
        ("a" * 64 + ".org", "domain_invalid"),
        (".".join(["a" * 61] * 4), "domain_invalid"),
        ("xn--a.test", "domain_invalid"),
        ("mail.xn--zzzzzzzz99.org", "domain_invalid"),
        ("co.uk", "domain_public_suffix"),
        ("github.io", "domain_public_suffix"),
        ("xn--85x722f.com.cn", None),
        ("printer.local", "domain_reserved"),
        ("clearpost.test", "domain_reserved"),
        ("mx.clearpost.test", "domain_reserved"),
        ("deep.below.clearpost.test", "domain_reserved"),
    ],
)
async def test_names_that_nobody_can_own_are_refused(tenant: Tenant, name: str, code: str | None) -> None:
    answer = await tenant.http.post("/v1/domains", json={"name": name})
    assert answer.status_code == (422 if code else 201)
    assert answer.json().get("code") == code


async def test_the_same_name_twice_is_a_conflict(world: World) -> None:
    tenant = await world.tenant(plan=Plan.PREMIUM)
    await tenant.claim()
    again = await tenant.http.post("/v1/domains", json={"name": "EXAMPLE.test"})
    assert (again.status_code, again.json()["code"]) == (409, "domain_exists")


async def test_the_plan_bounds_the_domains(tenant: Tenant) -> None:
    await tenant.claim()
    answer = await tenant.http.post("/v1/domains", json={"name": "other.test"})
    assert answer.status_code == 403
    told = answer.json()
    assert (told["code"], told["resource"], told["limit"], told["plan"]) == (
        "limit_reached",
        "domains",
        1,
        "free",
    )


async def test_a_name_verified_elsewhere_can_still_be_claimed(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    world.publish("example.test", tenant)
    await tenant.http.post(f"/v1/domains/{domain['id']}/check")
    other = await world.tenant("two")
    assert (await other.claim())["state"] == "not_started"


async def test_plus_addressing_can_be_switched_off(tenant: Tenant) -> None:
    domain = await tenant.claim()
    assert domain["plus_addressing"] is True
    path = f"/v1/domains/{domain['id']}"
    assert (await tenant.http.patch(path, json={"plus_addressing": False})).json()["plus_addressing"] is False
    assert (await tenant.http.patch(path, json={})).json()["plus_addressing"] is False
    assert (await tenant.http.patch(path, json={"name": "other.test"})).status_code == 422


async def test_the_owner_decides_about_its_mail(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    assert domain["mail"] == {"strict_dmarc": False, "require_tls": False, "spam_threshold": 15}
    assert domain["spam_filter"] is False, "none is set up here"
    path = f"/v1/domains/{domain['id']}"
    for given, shown in (
        ({"strict_dmarc": True}, (True, False, 15)),
        ({"require_tls": True, "strict_dmarc": None}, (True, True, 15)),
        ({"spam_threshold": None}, (True, True, None)),
        ({}, (True, True, None)),
        ({"spam_threshold": 7.5, "strict_dmarc": False}, (False, True, 7.5)),
        (None, (False, True, 7.5)),
    ):
        answer = await tenant.http.patch(path, json={"mail": given})
        assert tuple(answer.json()["mail"].values()) == shown, given
        assert (await tenant.http.get(path)).json() == answer.json()
    told = [
        line["detail"] for line in (await tenant.http.get("/v1/audit?action=domain.changed")).json()["data"]
    ]
    assert told == [
        {"spam_threshold": 7.5, "strict_dmarc": False},
        {"spam_threshold": "never"},
        {"require_tls": True},
        {"strict_dmarc": True},
    ]


@pytest.mark.parametrize(
    "mail",
    [
        '{"spam_threshold": 0.9}',
        '{"spam_threshold": 100.1}',
        '{"spam_threshold": NaN}',
        '{"spam_threshold": 1e999}',
        '{"spam_threshold": true}',
        '{"spam_threshold": "15"}',
        '{"strict_dmarc": "perhaps"}',
        '{"require_tls": []}',
        '{"require_tls": 1}',
        '{"require_tls": "true"}',
        '{"strict_dmarc": 0}',
        '{"spam_filter": true}',
        "[]",
    ],
)
async def test_a_choice_that_means_nothing_is_refused_by_name(tenant: Tenant, mail: str) -> None:
    domain = await tenant.claim()
    path = f"/v1/domains/{domain['id']}"
    content = f'{{"plus_addressing": false, "mail": {mail}}}'
    answer = await tenant.http.patch(path, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["errors"][0]["loc"][:2] == ["body", "mail"]
    assert (await tenant.http.get(path)).json() == domain


async def test_a_choice_holds_for_the_next_recipient(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    await tenant.alias(domain)
    world.publish("example.test", tenant)
    await tenant.http.post(f"/v1/domains/{domain['id']}/check")

    async def rules() -> MailRules:
        mailbox, now = Mailbox("hello", "example.test"), world.clock.now()
        found = await routing.Routes(world.runtime.database, world.runtime.keyring).resolve(mailbox, now)
        assert isinstance(found, Resolved)
        return found.recipient.rules

    assert await rules() == MailRules(False, False, 15)
    chosen = {"strict_dmarc": True, "require_tls": True, "spam_threshold": None}
    await tenant.http.patch(f"/v1/domains/{domain['id']}", json={"mail": chosen})
    assert await rules() == MailRules(True, True, None)


async def test_a_server_with_a_spam_filter_says_so(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, rspamd_url="http://127.0.0.1:11333") as world:
        assert (await (await world.tenant()).claim())["spam_filter"] is True


async def test_a_deleted_domain_is_gone_with_its_aliases(tenant: Tenant) -> None:
    domain = await tenant.claim()
    alias = await tenant.alias(domain)
    assert (await tenant.http.delete(f"/v1/domains/{domain['id']}")).status_code == 204
    assert (await tenant.http.get(f"/v1/domains/{domain['id']}")).status_code == 404
    assert (await tenant.http.get(f"/v1/aliases/{alias['id']}")).status_code == 404
    assert (await tenant.http.get("/v1/destinations")).json()["data"] != []


async def test_domains_come_in_pages(world: World) -> None:
    tenant = await world.tenant(plan=Plan.PREMIUM)
    names = [(await tenant.claim(f"d{number}.test"))["name"] for number in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await tenant.http.get("/v1/domains", params={"limit": 2, **cursor})).json()
        seen += [domain["name"] for domain in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == names
    assert page["next_cursor"] is None


async def test_an_account_has_its_domains_checked_20_times_a_minute(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with running_api(database_url, tmp_path, redis_url=SecretStr(redis_url)) as world:
        tenant = await world.tenant()
        path = f"/v1/domains/{(await tenant.claim())['id']}/check"
        assert (await tenant.http.post(path)).status_code == 200
        rate = Rate(20, timedelta(minutes=1))
        taken = 1
        while (await world.runtime.rates.take("domain checks", str(tenant.id), rate)).allowed:
            taken += 1
        assert taken == 20
        refused = await tenant.http.post(path)
        assert (refused.status_code, refused.headers["retry-after"] in "123") == (429, True)
        other = await world.tenant("two")
        assert (
            await other.http.post(f"/v1/domains/{(await other.claim('b.test'))['id']}/check")
        ).status_code == 200


async def test_a_domain_tells_how_many_aliases_it_has(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    path = f"/v1/domains/{domain['id']}"
    assert domain["alias_count"] == 0
    tag = (await tenant.http.get(path)).headers["etag"]
    await tenant.alias(domain, "one")
    await tenant.alias(domain, "two")
    (listed,) = (await tenant.http.get("/v1/domains")).json()["data"]
    assert listed["alias_count"] == (await tenant.http.get(path)).json()["alias_count"] == 2
    change = await tenant.http.patch(path, json={"plus_addressing": False}, headers={"If-Match": tag})
    assert change.status_code == 200  # a new alias is no change of what was decided about the domain
