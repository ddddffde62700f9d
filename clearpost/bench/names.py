"""`python -m clearpost.bench.names ZONE_FILE PORT`: the stand-in for DNS, alone. Must ask nobody else."""

import asyncio
import sys
from pathlib import Path

from clearpost.standins.dns import DnsStandin, Zone


async def serve(zone: Path, port: int) -> None:
    await DnsStandin(Zone(zone), port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
