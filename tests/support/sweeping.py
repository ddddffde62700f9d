"""The spool sweep as upkeep does it, at a moment of the test's choosing."""

from mailcore.runtime import segment_writer
from mailcore.spool_sweep import SpoolSweep
from tests.support.stack import Stack


async def sweep(stack: Stack) -> None:
    """Twice, for it touches only what it has seen settled. Anything still written to stays as it is."""
    spool = stack.spool()
    writer = segment_writer(spool, stack.world.clock, stack.settings, long_wait=True)
    upkeep = SpoolSweep(
        database=stack.world.database,
        spool=spool,
        long_wait=writer,
        clock=stack.world.clock,
        settings=stack.settings,
    )
    await upkeep.sweep()
    await upkeep.sweep()
    writer.close()
    spool.close()
