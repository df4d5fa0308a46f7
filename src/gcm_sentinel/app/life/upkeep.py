"""Upkeep: what keeps a long-running agent and its database in order beside the incidents.

Heartbeats say that this process lives; the work of one that has not been heard of for `DEAD_AFTER` is taken over by
the queue engine of whoever notices. Investigations the queue has given up are marked failed, so that triage tries
them again. Old incidents are removed by the settings' limits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import structlog

from gcm_sentinel.app.life.stage import Stage
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.protocols import Clock

T = TypeVar("T")

log = structlog.get_logger(__name__)

BEAT_S = 4.0
DEAD_AFTER = timedelta(seconds=15)
"""Three beats missed and some; with the beat and the queue's poll, work moves within 30 s."""
PRUNE_S = 3600.0


class Periodic:
    """One piece of upkeep, again and again.

    What fails for good is logged and tried again all the same: an agent that cannot tidy up can still investigate.
    """

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], every_s: float, clock: Clock, stage: Stage | None = None
    ) -> None:
        """Run `work` every `every_s` seconds, from the start on; `stage`, where others read it, tells how it goes."""
        self.stage = stage or Stage(name, clock)
        self._work = work
        self._every_s = every_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                worked = await self.stage.attempt(self._work, asyncio.sleep)
            except SentinelError as error:
                log.exception("upkeep.failed", upkeep=self.stage.name, reason=str(error))
                self.stage.problem = str(error)
                worked = True
            if worked:
                await asyncio.sleep(self._every_s)


async def beside(upkeep: Sequence[Periodic], work: Awaitable[T]) -> T:
    """The result of `work`, with `upkeep` done meanwhile; upkeep that fails for good is logged and left."""
    running = [asyncio.create_task(item.run(), name=item.stage.name) for item in upkeep]
    try:
        return await work
    finally:
        for task in running:
            task.cancel()
        for outcome in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("upkeep.failed", reason=str(outcome))
