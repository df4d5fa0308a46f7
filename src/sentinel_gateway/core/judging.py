"""Batches before anything of them counts: which parts are taken, which are refused, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from sentinel_gateway.core import records
from sentinel_gateway.core.judged import Judged
from sentinel_gateway.domain.anomalies import ANOMALY_TYPES, AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.batches import BatchKey, BatchKind, Clock
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.identity import Gpu, checked_gpu
from sentinel_gateway.domain.overhead import KINDS, WINDOW_NS
from sentinel_gateway.domain.probes import PROBE_RESULTS, PROBE_TYPES, ProbeBatch, ProbeExecution, ProbeResult, size_of
from sentinel_gateway.domain.settings import CoreSettings, RecordedPasses
from sentinel_gateway.domain.sms import MAX_SMS, Outcome
from sentinel_gateway.domain.telemetry import TelemetryBatch, TelemetryReport
from sentinel_sdk.signing import CheckedBatch, canonical

_PASS = int(ProbeResult.PASS)
_TAG_BYTES = 16


class Evidence(NamedTuple):
    """An execution that gets a ledger entry."""

    execution: ProbeExecution
    outcome: Outcome
    tag: bytes
    """By which it is known again in another batch; empty where it is not signed, or passed."""


@dataclass(slots=True)
class Group:
    """What a batch says about one GPU."""

    gpu: Gpu
    outcomes: list[Outcome] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    spent_ns: list[int] = field(default_factory=lambda: [0] * KINDS)
    """How long its executions took together, by probe type."""


@dataclass(slots=True)
class JudgedProbes(Judged):
    """A batch of executions, judged."""

    groups: dict[str, Group] = field(default_factory=dict)

    @property
    def tags(self) -> tuple[bytes, ...]:
        """Of all signed results that did not pass."""
        return tuple(one.tag for group in self.groups.values() for one in group.evidence if one.tag)


class ProbeJudge:
    """Judges one batch, in as many steps as its caller likes."""

    def __init__(
        self,
        batch: ProbeBatch,
        checked: CheckedBatch,
        clock: Clock,
        settings: CoreSettings,
        longest_ns: Sequence[int] = (WINDOW_NS,) * KINDS,
    ) -> None:
        """`longest_ns`: by probe type, no execution takes longer."""
        self._longest_ns = longest_ns
        self._batch, self._checked, self._clock = batch, checked, clock
        self._record_passes = settings.record_passes is RecordedPasses.FULL
        self._max_bytes = settings.ingest.max_event_bytes
        self._host = batch.agent_hostname if settings.ingest.own_hostname else ""
        key = BatchKey(BatchKind.PROBE, batch.agent_hostname, batch.sequence_number, checked.digest)
        self.judged = JudgedProbes(key, len(batch.executions))
        self._default_ns = clock.now_ns if batch.batch_time_ns is None else batch.batch_time_ns

    def judge(self, first: int, last: int) -> None:
        """Judge the executions from place `first` up to, not including, `last`."""
        clock, refused, groups = self._clock, self._checked.refused, self.judged.groups
        earliest_ns, latest_ns, default_ns = clock.earliest_ns, clock.latest_ns, self._default_ns
        executions, longest_ns = self._batch.executions, self._longest_ns
        for place in range(first, min(last, len(executions))):
            one = executions[place]
            time_ns = default_ns if one.time_ns is None else one.time_ns
            known = one.probe_type in PROBE_TYPES and one.result in PROBE_RESULTS and one.sm_id < MAX_SMS
            group = groups.get(one.gpu.uuid)
            if group is None or (group.gpu is not one.gpu and group.gpu != one.gpu):
                group = self._described(one.gpu)
            taken = place not in refused and known and earliest_ns <= time_ns <= latest_ns
            if not taken or group is None or one.execution_time_ns > longest_ns[one.probe_type]:
                self._refuse(one, time_ns, is_forged=place in refused)
                continue
            outcome = Outcome(one.sm_id, one.probe_type, one.result, time_ns)
            if one.result != _PASS or self._record_passes:
                if size_of(one) > self._max_bytes:
                    self.judged.refusals.add("too_large", f"with more than {self._max_bytes} bytes")
                    continue
                group.evidence.append(Evidence(one, outcome, self._tag(one)))
            groups[one.gpu.uuid] = group
            group.outcomes.append(outcome)
            group.spent_ns[one.probe_type] += one.execution_time_ns

    def _tag(self, one: ProbeExecution) -> bytes:
        if one.result == _PASS or not self._checked.signed or one.time_ns is None:
            return b""
        return sha256(canonical(one) + one.hmac_signature).digest()[:_TAG_BYTES]

    def _described(self, gpu: Gpu) -> Group | None:
        """The group of a GPU that is new in this batch, or described in another way; None where that is refused."""
        if _fault_of(gpu) or self._is_elsewhere(gpu):
            return None
        known = self.judged.groups.get(gpu.uuid)
        return Group(gpu, known.outcomes, known.evidence, known.spent_ns) if known else Group(gpu)

    def _is_elsewhere(self, gpu: Gpu) -> bool:
        """Whether it is said to be in another host than the one that reports, which reports for itself only."""
        return bool(self._host and gpu.hostname and gpu.hostname != self._host)

    def _refuse(self, one: ProbeExecution, time_ns: int, *, is_forged: bool) -> None:
        refusals = self.judged.refusals
        if is_forged:
            refusals.add("signature", "with a missing or wrong HMAC signature")
        elif one.probe_type not in PROBE_TYPES:
            refusals.add("unknown_probe_type", f"of a probe type that is not known ({one.probe_type})")
        elif one.result not in PROBE_RESULTS:
            refusals.add("unknown_result", f"with a result that is not known ({one.result})")
        elif one.sm_id >= MAX_SMS:
            refusals.add("sm_out_of_range", f"on an SM that no GPU has ({one.sm_id}; at most {MAX_SMS - 1})")
        elif words := self._clock.objection(time_ns):
            refusals.add("clock", words)
        elif fault := _fault_of(one.gpu):
            refusals.add("gpu", f"of a GPU that is not described well ({fault})")
        elif self._is_elsewhere(one.gpu):
            refusals.add("other_host", f"of a GPU in another host ({one.gpu.hostname!r})")
        else:
            most_s = self._longest_ns[one.probe_type] / 1e9
            refusals.add("too_long", f"that took longer than is possible ({one.execution_time_ns} ns, {most_s:g} s)")


def is_of_another_host(known: GpuState, hostname: str, now_ns: int) -> bool:
    """Whether another host's agent probed a GPU within a day: with `own_hostname` nobody else may report about it."""
    return known.is_probed(now_ns) and known.gpu.hostname not in ("", hostname)


def _fault_of(gpu: Gpu) -> str:
    try:
        checked_gpu(gpu)
    except Invalid as refusal:
        return str(refusal)
    return ""


@dataclass(slots=True)
class TakenAnomaly:
    """An anomaly that counts."""

    event: AnomalyEvent
    data: bytes
    time_ns: int


@dataclass(slots=True)
class JudgedAnomalies(Judged):
    """A batch of anomalies, judged."""

    taken: list[TakenAnomaly] = field(default_factory=list)


def judge_anomalies(batch: AnomalyBatch, clock: Clock, max_bytes: int) -> JudgedAnomalies:
    """Which anomalies of a batch count."""
    encoded = [records.anomaly(event) for event in batch.events]
    key = BatchKey(BatchKind.ANOMALY, batch.source_hostname, batch.sequence_number, _digest(encoded))
    judged = JudgedAnomalies(key, len(batch.events))
    default_ns = clock.now_ns if batch.batch_time_ns is None else batch.batch_time_ns
    for event, data in zip(batch.events, encoded, strict=True):
        time_ns = default_ns if event.time_ns is None else event.time_ns
        if event.anomaly_type not in ANOMALY_TYPES:
            judged.refusals.add("unknown_anomaly_type", f"of a type that is not known ({event.anomaly_type})")
        elif words := clock.objection(time_ns):
            judged.refusals.add("clock", words)
        elif fault := _fault_of(event.gpu):
            judged.refusals.add("gpu", f"of a GPU that is not described well ({fault})")
        elif len(data) > max_bytes:
            judged.refusals.add("too_large", f"with more than {max_bytes} bytes")
        else:
            judged.taken.append(TakenAnomaly(event, data, time_ns))
    return judged


@dataclass(slots=True)
class JudgedTelemetry(Judged):
    """A batch of telemetry, judged: reports that count with the times they were measured."""

    taken: list[tuple[TelemetryReport, int]] = field(default_factory=list)


def judge_telemetry(batch: TelemetryBatch, clock: Clock, max_bytes: int) -> JudgedTelemetry:
    """Which reports of a batch count."""
    encoded = [repr(report).encode("utf-8", "surrogatepass") for report in batch.reports]
    key = BatchKey(BatchKind.TELEMETRY, batch.agent_hostname, batch.sequence_number, _digest(encoded))
    judged = JudgedTelemetry(key, len(batch.reports))
    default_ns = clock.now_ns if batch.batch_time_ns is None else batch.batch_time_ns
    for report, data in zip(batch.reports, encoded, strict=True):
        time_ns = max(_times_of(report), default=default_ns)
        if words := clock.objection(time_ns):
            judged.refusals.add("clock", words)
        elif fault := _fault_of(report.gpu):
            judged.refusals.add("gpu", f"of a GPU that is not described well ({fault})")
        elif len(data) > max_bytes:
            judged.refusals.add("too_large", f"with more than {max_bytes} bytes")
        else:
            judged.taken.append((report, time_ns))
    return judged


def _times_of(report: TelemetryReport) -> Iterator[int]:
    for reading in (report.thermal, report.power, report.ecc):
        if reading is not None and reading.time_ns is not None:
            yield reading.time_ns


def _digest(parts: list[bytes]) -> bytes:
    content = sha256()
    for part in parts:
        content.update(len(part).to_bytes(8, "big") + part)
    return content.digest()
