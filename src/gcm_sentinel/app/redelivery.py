"""Publications a sink could not take yet are offered to it again, for hours: an outage must not eat a verdict.

The sinks retry for about a minute themselves; this is for an API server or a webhook that is away for longer. Used by
`workflow.py`. What is owed lives in memory, bounded in number and time, and is named in the log when it is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from gcm_sentinel.domain.protocols import Notifier, Publication
from gcm_sentinel.notify.publish import Delivery, publish_all

log = structlog.get_logger(__name__)

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=4),
    timedelta(minutes=10),
    timedelta(minutes=30),
    *(timedelta(hours=1) for _ in range(6)),
)
MOST_OWED = 100


class Redelivery:
    """What is owed to the sinks of one agent."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = notifiers
        self._tasks: set[asyncio.Task[None]] = set()

    def owe(self, publication: Publication, deliveries: Sequence[Delivery], tasks: asyncio.TaskGroup) -> None:
        """Offer `publication` again, in a task of `tasks`, to those that failed and may take it later."""
        names = _may_take_it(deliveries)
        if not names:
            return
        if len(self._tasks) >= MOST_OWED:
            log.error("notify.given_up", incident=publication.incident.id, notifiers=names, reason="too many wait")
            return
        task = tasks.create_task(self._offer(publication, names))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def give_up(self) -> None:
        """Stop offering: the agent ends."""
        for task in self._tasks:
            task.cancel()

    async def _offer(self, publication: Publication, names: list[str]) -> None:
        fields = {"incident": publication.incident.id, "node": publication.incident.node}
        try:
            for pause in PAUSES:
                await asyncio.sleep(pause.total_seconds())
                owed = [notifier for notifier in self._notifiers if notifier.name in names]
                names = _may_take_it(await publish_all(owed, publication))
                if not names:
                    return
            log.error("notify.given_up", notifiers=names, reason="it took too long", **fields)
        except asyncio.CancelledError:
            log.warning("notify.given_up", notifiers=names, reason="the agent was told to stop", **fields)
            raise


def _may_take_it(deliveries: Sequence[Delivery]) -> list[str]:
    return [item.notifier for item in deliveries if not item.delivered and item.retryable]
