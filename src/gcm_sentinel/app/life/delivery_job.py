"""The job of the delivery queue: one attempt to hand one edition of a stored assessment to one sink.

An attempt that failed for now is written down with the moment of the next; dispatch hands it over again then, as a
new job. A crash between the sink's answer and our record repeats the attempt, which every sink recognises by the
investigation id and edition (Event name, ``Idempotency-Key``), so that nothing shows twice. While only our record
cannot be written, the answer waits for storage and the sink is left in peace.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from gcm_sentinel.app.life.investigation_job import NOTHING
from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.domain.incident_record import DeliveryRecord, DeliveryState
from gcm_sentinel.domain.modes import Effect, Mode, permits
from gcm_sentinel.domain.protocols import Clock, Notifier, Publication
from gcm_sentinel.domain.steps import Steps
from gcm_sentinel.notify.annotations import AnnotationNotifier
from gcm_sentinel.notify.publish import Delivery, deliver
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.investigations import Investigations

log = structlog.get_logger(__name__)

PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    *(timedelta(hours=1) for _ in range(23)),
)
"""How long a sink may be away: about a day. Its own retries of a minute come on top."""

OnAttempt = Callable[[str, Delivery, DeliveryState], None]
"""Hears of every attempt: of which investigation, how it went, and where the delivery stands now."""


def unheard(investigation_id: str, delivery: Delivery, state: DeliveryState) -> None:
    """An `OnAttempt` that does nothing."""


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """When a delivery is offered again whose attempt failed after `attempts` earlier ones; None when never."""
    return now + PAUSES[attempts] if attempts < len(PAUSES) else None


@dataclass(frozen=True, slots=True)
class _Owed:
    record: DeliveryRecord
    sink: Notifier
    publication: Publication


@dataclass(frozen=True, slots=True)
class _Hopeless:
    """Owed, but there is no sink to offer it to, or nothing to offer."""

    record: DeliveryRecord
    reason: str


@dataclass(frozen=True, slots=True)
class _Silent:
    """Owed to a sink that is off because of the agent's mode, as it is meant to be: no failure."""

    record: DeliveryRecord
    reason: str


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """Stands in the place of a sink that the agent's mode does not let show anything."""

    name: str
    reason: str


def off_in(mode: Mode) -> tuple[SwitchedOff, ...]:
    """The sinks that are silent in `mode`."""
    ruled = permits(mode, Effect.ANNOTATE)
    return () if ruled.allowed else (SwitchedOff(AnnotationNotifier.name, ruled.reason),)


class DeliveryJob:
    """Delivers one assessment to one sink per key (`dispatch.delivery_key`)."""

    def __init__(
        self,
        investigations: Investigations,
        deliveries: Deliveries,
        notifiers: tuple[Notifier | SwitchedOff, ...],
        clock: Clock,
        pulse: Pulse,
        *,
        on_attempt: OnAttempt = unheard,
    ) -> None:
        """Take what it needs; `notifiers` are the sinks by their names."""
        self._investigations = investigations
        self._deliveries = deliveries
        self._notifiers: Mapping[str, Notifier | SwitchedOff] = {notifier.name: notifier for notifier in notifiers}
        self._clock = clock
        self._pulse = pulse
        self._on_attempt = on_attempt

    async def __call__(self, key: str, steps: Steps) -> None:
        """Make the attempt `key` names, unless another was made in its place.

        Raises:
            SentinelError: storage is damaged; while it is only away, the attempt waits.
        """
        investigation_id, notifier, place = key.rsplit("/", 2)
        edition, _, attempt = place.rpartition(".")
        tried = (int(edition or 1), int(attempt))
        name = f"deliver:{notifier}"
        once = partial(self._once, name, partial(self._owed, investigation_id, notifier, tried))
        await steps.run(name, once, NOTHING)

    async def _once(self, name: str, find: Callable[[], Awaitable[_Owed | _Hopeless | _Silent | None]]) -> None:
        owed = await patiently(name, find)
        if owed is None:
            return
        if isinstance(owed, _Silent):
            await patiently(name, partial(self._leave_out, owed))
            self._pulse.dispatch.ring()
            return
        delivery = await _outcome(owed)
        state = await patiently(name, partial(self._record, owed.record, delivery))
        self._pulse.dispatch.ring()  # the sink has room for the next
        self._on_attempt(owed.record.investigation_id, delivery, state)

    async def _leave_out(self, silent: _Silent) -> None:
        record = silent.record
        names = (record.investigation_id, record.notifier)
        await self._deliveries.left_out(*names, silent.reason, edition=record.edition)
        log.info("notify.left_out", investigation=names[0], notifier=names[1], reason=silent.reason)

    async def _owed(
        self, investigation_id: str, notifier: str, tried: tuple[int, int]
    ) -> _Owed | _Hopeless | _Silent | None:
        record = await self._deliveries.get(investigation_id, notifier)
        if record is None or record.state is not DeliveryState.OWED or (record.edition, record.attempts) != tried:
            return None
        sink = self._notifiers.get(notifier)
        if isinstance(sink, SwitchedOff):
            return _Silent(record, sink.reason)
        if sink is None:
            return _Hopeless(record, "this sink is not configured any more")
        publication = await self._publication(record)
        if publication is None:
            return _Hopeless(record, "its assessment is not stored any more")
        return _Owed(record, sink, publication)

    async def _publication(self, record: DeliveryRecord) -> Publication | None:
        """What to publish. Actions are read after `record`: what is told of an edition is never older than it."""
        stored = await self._investigations.get(record.investigation_id)
        if stored is None or stored.assessment is None or stored.incident is None:
            return None
        return Publication(
            stored.incident,
            stored.assessment,
            stored.evidence,
            stored.actions,
            edition=record.edition,
            shown_before=record.delivered_at is not None,
            closed=stored.over,
        )

    async def _record(self, record: DeliveryRecord, delivery: Delivery) -> DeliveryState:
        names, now = (record.investigation_id, record.notifier), self._clock.now()
        if delivery.delivered:
            await self._deliveries.delivered(*names, now, edition=record.edition)
            return DeliveryState.DELIVERED
        return await record_failure(self._deliveries, record, delivery, now)


async def record_failure(
    deliveries: Deliveries, record: DeliveryRecord, delivery: Delivery, now: datetime
) -> DeliveryState:
    """Write down that the attempt `delivery` at `record` failed, and where the delivery stands after it.

    Raises:
        SentinelError: it could not be written.
    """
    names = (record.investigation_id, record.notifier)
    next_at = next_attempt(record.attempts, now) if delivery.retryable else None
    if next_at is not None:
        attempt, edition = record.attempts, record.edition
        await deliveries.attempted(*names, delivery.reason, next_at, attempt=attempt, edition=edition)
        return DeliveryState.OWED
    await deliveries.given_up(*names, delivery.reason, edition=record.edition)
    log.error("notify.given_up", investigation=names[0], notifier=names[1], reason=delivery.reason)
    return DeliveryState.GIVEN_UP


async def _outcome(owed: _Owed | _Hopeless) -> Delivery:
    if isinstance(owed, _Hopeless):
        return Delivery(owed.record.notifier, delivered=False, took_s=0.0, reason=owed.reason)
    return await deliver(owed.sink, owed.publication)
