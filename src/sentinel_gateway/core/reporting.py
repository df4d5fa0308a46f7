"""What agents and monitors report, and the canaries they are asked to run.

This is the part of `Core` that machines call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial

from sentinel_gateway.core.actor import Actor
from sentinel_gateway.core.canaries import Canaries
from sentinel_gateway.core.durations import Durations
from sentinel_gateway.core.reading import Reading
from sentinel_gateway.core.receiving import Receiving
from sentinel_gateway.core.voting import take_tmr
from sentinel_gateway.core.work import Work
from sentinel_gateway.domain import tmr
from sentinel_gateway.domain.anomalies import AnomalyBatch
from sentinel_gateway.domain.batches import BatchKind, clock_at
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.probes import Ack, ProbeBatch
from sentinel_gateway.domain.roles import Caller
from sentinel_gateway.domain.telemetry import TelemetryBatch
from sentinel_gateway.domain.tmr import TmrReport, TmrRequest, TmrVerdict
from sentinel_gateway.storage.changes import Needs


class Reporting(Reading):
    """See the module."""

    _actor: Actor
    _receiving: Receiving
    _canaries: Canaries
    taken: Mapping[BatchKind, Durations]
    """How long batches waited for their answer, by kind."""

    async def report_probes(self, caller: Caller, batch: ProbeBatch) -> Ack:
        """Judge and count a batch of probe executions.

        Raises:
            Invalid: no hostname, no executions, or more than one batch may hold.
        """
        with self.taken[BatchKind.PROBE].measured():
            return await self._receiving.probes(caller, batch)

    async def report_anomalies(self, caller: Caller, batch: AnomalyBatch) -> Ack:
        """Judge and count a batch of anomalies.

        Raises:
            Invalid: no hostname, no events, or more than one batch may hold.
        """
        with self.taken[BatchKind.ANOMALY].measured():
            return await self._receiving.anomalies(caller, batch)

    async def report_telemetry(self, caller: Caller, batch: TelemetryBatch) -> Ack:
        """Keep the newest telemetry of each GPU.

        Raises:
            Invalid: no hostname, no reports, or more than one batch may hold.
        """
        with self.taken[BatchKind.TELEMETRY].measured():
            return await self._receiving.telemetry(caller, batch)

    async def report_tmr(self, caller: Caller, report: TmrReport) -> TmrVerdict:
        """Vote on a canary and count it. The same canary again answers as before, marked as duplicate.

        Raises:
            Invalid: no id, more than three results, a GPU twice, other GPUs than the gateway scheduled it for.
            Denied: it was scheduled for other hosts, and callers are held to their own.
        """
        tmr.checked(report, self._settings.ingest.max_event_bytes)
        clock = clock_at(self._now_ns(), self._settings.ingest)
        time_ns = clock.now_ns if report.time_ns is None else report.time_ns
        if words := clock.objection(time_ns):
            raise Invalid(f"canary {report.canary_id}: its time is {words}")
        needs = partial(Needs, canaries=(report.canary_id,))
        return await self._actor.ask(Work(lambda round_: take_tmr(report, caller.name, time_ns, round_), needs))

    def follow_canaries(self, hostname: str = "") -> AsyncIterator[TmrRequest]:
        """Canaries in which a GPU of the host takes part (empty: all), those that are open now first.

        Canaries are scheduled only while somebody follows, and only for GPUs of followed hosts.
        """
        return self._canaries.follow(hostname)
