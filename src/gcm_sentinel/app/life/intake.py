"""Intake: what a watcher tells is stored before the watcher is asked for more.

That order is the promise that no observation is lost: until a batch is stored the watcher's stream stands still, and a
process that dies in between finds the same conditions at its next start. Secrets are masked before anything is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

import structlog

from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.life.stage import Stage
from gcm_sentinel.domain.protocols import BatchWatcher
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.trigger import Followed, Trigger
from gcm_sentinel.storage.triggers import Triggers

log = structlog.get_logger(__name__)


OnStored = Callable[[Sequence[Trigger], int], None]
"""Hears of every batch: what was told, and how many of them were new."""


@dataclass(frozen=True, slots=True)
class Sink:
    """Where triggers go: masked, stored, and triage woken."""

    triggers: Triggers
    redactor: Redactor
    pulse: Pulse
    on_stored: OnStored

    async def store(self, told: Sequence[Trigger]) -> None:
        """Store a batch.

        Raises:
            SentinelError: the database is away or damaged.
        """
        self._stored(told, await self.triggers.store([self.redactor.trigger(trigger) for trigger in told]))

    async def store_followed(self, found: Followed) -> None:
        """Store what was found in a source's log, with how far in it that reaches.

        Raises:
            SentinelError: the database is away or damaged.
        """
        masked = tuple(map(self.redactor.trigger, found.triggers))
        self._stored(found.triggers, await self.triggers.store_followed(replace(found, triggers=masked)))

    def _stored(self, told: Sequence[Trigger], new: int) -> None:
        self.on_stored(told, new)
        if new:
            log.info("triggers.stored", told=len(told), new=new, lead=told[0].node, kind=told[0].kind)
            self.pulse.triage.ring()


Found = TypeVar("Found")


class Intake(Generic[Found]):
    """Takes what one watcher tells into storage."""

    def __init__(self, watcher: BatchWatcher[Found], store: Callable[[Found], Awaitable[None]], stage: Stage) -> None:
        """`store` is the way of `Sink` that takes what this watcher tells."""
        self._watcher = watcher
        self._store = store
        self._stage = stage

    async def run(self) -> None:
        """Until cancelled, or until the watcher ends by itself."""
        async with aclosing(self._watcher.batches()) as batches:
            async for batch in batches:
                while not await self._stage.attempt(partial(self._store, batch), asyncio.sleep):
                    pass
