"""A gateway with an agent in one process, to be killed: sends batch after batch and says which were acknowledged."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import structlog
from tests.sentinel_core.gateway import AGENT, Place, batch, execution

from sentinel_gateway.domain.probes import ProbeBatch, ProbeResult


def numbered(number: int) -> ProbeBatch:
    """The batch with this number: one pass, one failure on an SM of its own."""
    return batch(execution(2 * number), execution(2 * number + 1, ProbeResult.FAIL, number % 1000), sequence=number)


async def main(folder: Path, first: int) -> None:
    """Send from `first` on, three at a time."""
    place = Place(f"sqlite:///{folder}/gateway.db", folder)
    async with place.running() as core:
        for start in range(first, first + 100_000, 3):
            await asyncio.gather(*(core.report_probes(AGENT, numbered(start + more)) for more in range(3)))
            sys.stdout.write(f"{start + 2}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
