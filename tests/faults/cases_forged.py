"""Beside F54: refusals for good of mail whose sender is forged."""

from tests.faults.case import Run, case
from tests.faults.rig import FAST, until
from tests.support import forged

_DSNS = "select coalesce(sum(created), 0)::int from ledger where origin = 'dsn'"


@case("F54 forged", "10,000 forged senders whose mail is refused for good: nobody hears of it", seconds=600)
async def forged_senders(run: Run) -> None:
    rig, count = run.rig, 10_000 if run.full else 1_000
    forged.publish(rig.zone)
    rig.sinks["d1"].script["RCPT"] = "550 5.1.1 No such user"
    before = await rig.world.value(_DSNS)
    run.fault()
    replies = await forged.flood(rig.port(FAST), "d1@fast.test", forged.names(count))
    assert all(reply.startswith("250 2.0.0 Queued") for reply in replies), set(replies)

    async def all_ended() -> bool:
        return await rig.waiting() == 0

    await until(all_ended, 300, "the queue is not drained")
    run.recovered()
    assert await rig.world.value(_DSNS) == before, "somebody who wrote nothing was told"
    assert not rig.sinks["home"].messages
    run.note = f"{count} forged senders, 0 notifications"
