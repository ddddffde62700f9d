"""F41 to F45: DNS fails, is silent, says no, or says something odd."""

from clearpost.standins.dns import Fault
from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.faults.rig import until


async def _meets(run: Run, alias: str) -> Letter:
    return await run.load.accepted(run.load.letter(alias))


async def _ends(run: Run, letter: Letter) -> None:
    """Leaves no mail behind: as if four days had passed."""
    await run.rig.world.execute(
        "update delivery d set next_attempt_at = now(), accepted_at = now() - interval '5 days' "
        "where d.message_id = any($1)",
        list(await run.rig.message_ids(letter.id)),
    )
    await run.rig.idle()


async def _soft(run: Run, alias: str, text: str, attempts: int = 2) -> Letter:
    """Tried again and again, each attempt in the log, and nothing bounced."""
    letter = await _meets(run, alias)
    await run.rig.until_event(letter.id, "soft-bounced", text)
    await _goes_on(run, letter, attempts)
    events = await run.rig.events(letter.id)
    assert {kind for kind, _, _ in events} == {"received", "soft-bounced"}, f"{events}"
    return letter


@case("F41", "DNS answers SERVFAIL: soft", reduced=True)
async def servfail(run: Run) -> None:
    run.rig.zone.fail("servfail.example", Fault.SERVFAIL)
    await _ends(run, await _soft(run, "servfail", "4.4.3"))


@case("F42", "DNS never answers: soft")
async def silent(run: Run) -> None:
    run.rig.zone.fail("silent.example", Fault.TIMEOUT)
    await _ends(run, await _soft(run, "silent", "4.4.3"))


@case("F43", "NXDOMAIN: hard only after two answers far enough apart", reduced=True)
async def missing(run: Run) -> None:
    """Half an hour in production, 3 s here; one answer alone is not believed."""
    run.rig.zone.fail("missing.example", Fault.NXDOMAIN)
    run.fault()
    letter = await _meets(run, "missing")
    await run.rig.until_event(letter.id, "soft-bounced", "4.1.2")
    await run.rig.until_event(letter.id, "hard-bounced", "5.1.2")
    run.recovered()
    assert run.recovery >= 3, "the first answer was believed"
    kinds = [kind for kind, _, _ in await run.rig.events(letter.id)]
    assert kinds == ["received", *["soft-bounced"] * (len(kinds) - 2), "hard-bounced"], f"{kinds}"


@case("F43 known", "NXDOMAIN where mail was delivered before: a day's patience")
async def missing_but_known(run: Run) -> None:
    rig = run.rig
    rig.zone.fail("missing.example", Fault.NXDOMAIN)
    await rig.world.execute("update destination set delivered_before = true where address like '%@missing.%'")
    letter = await _soft(run, "missing", "4.1.2")
    await rig.world.execute("update delivery set no_domain_since = now() - interval '23 hours'")
    await _soft_again(run, letter)
    await rig.world.execute("update delivery set no_domain_since = now() - interval '25 hours'")
    await rig.until_event(letter.id, "hard-bounced", "5.1.2")
    await rig.world.execute("update destination set delivered_before = false")


async def _goes_on(run: Run, letter: Letter, attempts: int) -> None:
    """Returns when its timeline shows so many attempts."""

    async def went_on() -> bool:
        return len(await run.rig.events(letter.id)) > attempts

    await until(went_on, 30, f"not {attempts} attempts")


async def _soft_again(run: Run, letter: Letter) -> None:
    """Two more attempts, still soft."""
    await _goes_on(run, letter, len(await run.rig.events(letter.id)) + 1)
    assert all(kind != "hard-bounced" for kind, _, _ in await run.rig.events(letter.id))


@case("F44", "MX names a CNAME: followed all the same")
async def cname(run: Run) -> None:
    """It leads to loopback, where no mail may go: that this is said shows that the name was followed."""
    zone = run.rig.zone
    zone.put("cname.example", "MX", "10 alias.cname.example.")
    zone.put("alias.cname.example", "CNAME", "real.cname.example.")
    zone.put("real.cname.example", "A", "127.0.0.1")
    await _ends(run, await _soft(run, "cname", "no address we may connect to"))


@case("F45", "null MX: hard at once", reduced=True)
async def null_mx(run: Run) -> None:
    run.rig.zone.put("null.example", "MX", "0 .")
    run.fault()
    letter = await _meets(run, "null")
    await run.rig.until_event(letter.id, "hard-bounced", "5.1.10")
    run.recovered(5)
    assert len(await run.rig.events(letter.id)) == 2, "more than one attempt"
