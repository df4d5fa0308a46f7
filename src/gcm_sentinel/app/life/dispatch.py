"""Dispatch: what storage says is wanted or owed is handed to the queues, under keys that make a second time harmless.

The rows are the outbox: they were written in the transaction that decided them, so a crash between deciding and
handing over loses nothing; the next poll, here or in another replica, hands them over.

Of each sink only a few deliveries are with the queue at a time, the same ones for every replica. So a sink that hangs
holds a few slots for as long as its attempts may take, and never those of the others.
"""

from __future__ import annotations

import structlog

from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.life.stage import Stage
from gcm_sentinel.domain.incident_record import DeliveryRecord, InvestigationRecord, Urgency, Why
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.steps import JobQueue
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.investigations import Investigations

log = structlog.get_logger(__name__)

POLL_S = 2.0
PER_SINK = 4
"""Most deliveries of one sink that are with the queue at a time; whoever runs them has as many slots for each sink."""


def delivery_key(record: DeliveryRecord) -> str:
    """``inc-….2/webhook/0``, of a later edition ``inc-….2/webhook/2.0``: each attempt is a job of its own, so that an
    outage of hours holds no slot."""
    place = f"{record.attempts}" if record.edition == 1 else f"{record.edition}.{record.attempts}"
    return f"{record.investigation_id}/{record.notifier}/{place}"


class Dispatch:
    """Hands work to the queues of one process."""

    def __init__(
        self,
        investigations: Investigations,
        deliveries: Deliveries,
        queues: tuple[JobQueue, JobQueue],
        clock: Clock,
        pulse: Pulse,
    ) -> None:
        """`queues` are that of investigations and that of deliveries."""
        self._investigations = investigations
        self._deliveries = deliveries
        self._to_investigate, self._to_deliver = queues
        self._clock = clock
        self._pulse = pulse
        self._handed_over: set[str] = set()
        """Deliveries handed over and still owed at the last look: the queue need not be asked about them again."""
        self.stage = Stage("dispatch", clock)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if await self.stage.attempt(self.hand_over, self._pulse.dispatch.wait):
                await self._pulse.dispatch.wait(POLL_S)

    async def hand_over(self) -> None:
        """Everything that is wanted or owed now, the most urgent first."""
        for wanted in await self._investigations.wanted():
            await self._to_investigate.submit(wanted.id, priority=int(wanted.urgency))
            await self._investigations.queued(wanted.id)
            _trace(wanted)
        owed = [delivery_key(record) for record in await self._deliveries.owed(self._clock.now(), per_sink=PER_SINK)]
        for key in owed:
            if key not in self._handed_over:
                await self._to_deliver.submit(key, priority=int(Urgency.WARNING))
        self._handed_over = set(owed)


def _trace(handed_over: InvestigationRecord) -> None:
    """Leave a line for what a person asked for; what triage wanted, triage has logged."""
    if handed_over.why is Why.BY_HAND:
        fields = {"why": handed_over.why.value, "urgency": handed_over.urgency.name.lower()}
        log.info("investigation.handed_over", investigation=handed_over.id, **fields)
