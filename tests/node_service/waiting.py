"""Waiting, with a deadline, for what only a prober's thread knows of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.node_service.conftest import Given
from tests.node_service.doubles import WITHIN_S, SteppedProber


async def reached(prober: SteppedProber) -> None:
    assert await asyncio.to_thread(prober.reached.wait, WITHIN_S)


async def ended(prober: SteppedProber) -> None:
    prober.go.set()
    assert await asyncio.to_thread(prober.ended.wait, WITHIN_S)


async def stopped(prober: SteppedProber) -> None:
    """Until the node has heard that nobody wants it any more."""
    await until(lambda: prober.watch is not None and prober.watch.is_stopped)


async def until_free(given: Given) -> None:
    await until(lambda: not given.leases.holders())


async def until(holds: Callable[[], bool]) -> None:
    """Until something holds that only a thread knows of."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110  threads set no event of the loop
            await asyncio.sleep(0.001)
