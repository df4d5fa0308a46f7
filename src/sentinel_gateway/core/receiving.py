"""Batches as they come in: what can be judged without the others is judged at once, the rest takes its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sentinel_gateway.core.actor import Actor
from sentinel_gateway.core.ingest import refuse_whole, take_anomalies, take_probes, take_telemetry
from sentinel_gateway.core.judged import Judged, Refusals, refused_whole
from sentinel_gateway.core.judging import ProbeJudge, judge_anomalies, judge_telemetry
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.core.overhead import longest_ns
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.work import Work
from sentinel_gateway.domain.anomalies import AnomalyBatch
from sentinel_gateway.domain.batches import BatchKey, BatchKind, check_shape, clock_at
from sentinel_gateway.domain.probes import Ack, ProbeBatch
from sentinel_gateway.domain.roles import Caller
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.domain.telemetry import TelemetryBatch
from sentinel_gateway.storage.changes import Needs
from sentinel_sdk.signing import Keys

Batch = TypeVar("Batch", bound=Judged)

_AT_ONCE = 1000
"""Executions judged between two looks at what else the event loop has to do."""


class Receiving:
    """See the module."""

    def __init__(
        self, actor: Actor, memory: Memory, settings: CoreSettings, keys: Keys, now_ns: Callable[[], int]
    ) -> None:
        self._actor, self._memory, self._settings, self._keys, self._now_ns = actor, memory, settings, keys, now_ns
        self._max_bytes = settings.ingest.max_event_bytes

    async def probes(self, caller: Caller, batch: ProbeBatch) -> Ack:
        """See `Core.report_probes`."""
        clock = clock_at(self._now_ns(), self._settings.ingest)
        check_shape(batch.agent_hostname, caller.name, len(batch.executions), "executions", self._settings.ingest)
        if words := clock.batch_objection(batch.batch_time_ns):
            key = BatchKey(BatchKind.PROBE, batch.agent_hostname, batch.sequence_number, b"")
            return await self._take(caller, refused_whole(key, len(batch.executions), words), refuse_whole)
        checked = self._keys.check(batch.agent_hostname, batch.executions)
        judge = ProbeJudge(batch, checked, clock, self._settings, longest_ns(self._memory.configuration))
        for first in range(0, len(batch.executions), _AT_ONCE):
            if first:
                await asyncio.sleep(0)
            judge.judge(first, first + _AT_ONCE)
        return await self._take(caller, judge.judged, take_probes, judge.judged.tags)

    async def anomalies(self, caller: Caller, batch: AnomalyBatch) -> Ack:
        """See `Core.report_anomalies`."""
        clock = clock_at(self._now_ns(), self._settings.ingest)
        check_shape(batch.source_hostname, caller.name, len(batch.events), "events", self._settings.ingest)
        if words := clock.batch_objection(batch.batch_time_ns):
            key = BatchKey(BatchKind.ANOMALY, batch.source_hostname, batch.sequence_number, b"")
            return await self._take(caller, refused_whole(key, len(batch.events), words), refuse_whole)
        return await self._take(caller, judge_anomalies(batch, clock, self._max_bytes), take_anomalies)

    async def telemetry(self, caller: Caller, batch: TelemetryBatch) -> Ack:
        """See `Core.report_telemetry`."""
        clock = clock_at(self._now_ns(), self._settings.ingest)
        check_shape(batch.agent_hostname, caller.name, len(batch.reports), "reports", self._settings.ingest)
        if words := clock.batch_objection(batch.batch_time_ns):
            key = BatchKey(BatchKind.TELEMETRY, batch.agent_hostname, batch.sequence_number, b"")
            return await self._take(caller, refused_whole(key, len(batch.reports), words), refuse_whole)
        return await self._take(caller, judge_telemetry(batch, clock, self._max_bytes), take_telemetry)

    async def _take(
        self, caller: Caller, judged: Batch, take: Callable[[Batch, Round], Ack], tags: tuple[bytes, ...] = ()
    ) -> Ack:
        key = judged.key
        self._note(caller, key, judged.refusals)
        work = Work(lambda round_: take(judged, round_), lambda: self._needs(key, tags), judged.total)
        ack = await self._actor.ask(work)
        self._note(caller, key, judged.late)
        return ack

    def _note(self, caller: Caller, key: BatchKey, refusals: Refusals) -> None:
        for name, count in refusals.counts.items():
            fields = {"kind": str(key.kind), "hostname": key.hostname, "reason": name, "caller": caller.name}
            self._actor.note("ingest.refused", fields, count)

    def _needs(self, key: BatchKey, tags: tuple[bytes, ...]) -> Needs:
        """A batch is looked up only where its number does not prove that it is new."""
        source = self._memory.sources.get((key.kind, key.hostname))
        is_new = source is None or source.is_surely_new(key.sequence)
        return Needs(batches=() if is_new else (key,), tags=tags)
