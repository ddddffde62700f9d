"""Test messages as the account's log tells of them."""

from pathlib import Path

from tests.support.api import running_api


async def test_who_asked_for_a_test_message_is_written_down_before_it_is_sent(
    database_url: str, tmp_path: Path
) -> None:
    """Also where the mx never answers: it may have taken the message all the same."""
    async with running_api(database_url, tmp_path, test_message_mx="127.0.0.1:1") as world:
        tenant = await world.tenant()
        alias = await tenant.alias(await tenant.claim(), "hello")
        answer = await tenant.http.post(f"/v1/aliases/{alias['id']}/test")
        assert answer.status_code == 503
        (line,) = (await tenant.http.get("/v1/audit", params={"action": "alias.tested"})).json()["data"]
        assert (line["subject"], line["subject_id"]) == ("hello@example.test", alias["id"])
