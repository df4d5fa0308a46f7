"""Batches before anything of them counts: which parts are taken, which are refused, and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from sentinel_gateway.core import records
from sentinel_gateway.domain.anomalies import ANOMALY_TYPES, AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.batches import BatchKey, BatchKind, Clock
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.identity import Gpu, checked_gpu
from sentinel_gateway.domain.probes import PROBE_RESULTS, PROBE_TYPES, ProbeBatch, ProbeExecution, ProbeResult
from sentinel_gateway.domain.sms import MAX_SMS, Outcome
from sentinel_gateway.domain.telemetry import TelemetryBatch, TelemetryReport
from sentinel_sdk.signing import CheckedBatch

_PASS = int(ProbeResult.PASS)


class Refusals:
    """What was refused, by short names for metrics and ledger, with the words of the first of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._words: dict[str, str] = {}

    def add(self, name: str, words: str, count: int = 1) -> None:
        """Refuse something."""
        self.counts[name] += count
        self._words.setdefault(name, words)

    def words(self, total: int, what: str) -> str:
        """What the sender is told; empty where nothing was refused."""
        if not self.counts:
            return ""
        each = "; ".join(f"{count} {self._words[name]}" for name, count in self.counts.items())
        return f"{self.counts.total()} of {total} {what} refused: {each}"


@dataclass(slots=True)
class Judged:
    """A batch, judged."""

    key: BatchKey
    total: int
    """Executions, events or reports in it."""
    refusals: Refusals = field(default_factory=Refusals)

    @property
    def is_any_left(self) -> bool:
        """Whether not all of it was refused."""
        return self.refusals.counts.total() < self.total


def refused_whole(key: BatchKey, total: int, words: str) -> Judged:
    """A batch whose own time cannot be believed."""
    judged = Judged(key, total)
    judged.refusals.add("clock", f"in a batch that is {words}", total)
    return judged


@dataclass(slots=True)
class Group:
    """What a batch says about one GPU."""

    gpu: Gpu
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(slots=True)
class JudgedProbes(Judged):
    """A batch of executions, judged."""

    groups: dict[str, Group] = field(default_factory=dict)
    evidence: list[tuple[ProbeExecution, int]] = field(default_factory=list)
    """Executions that get a ledger entry each, and when they count as run."""


class ProbeJudge:
    """Judges one batch, in as many steps as its caller likes."""

    def __init__(self, batch: ProbeBatch, checked: CheckedBatch, clock: Clock, *, record_passes: bool) -> None:
        self._batch, self._checked, self._clock, self._record_passes = batch, checked, clock, record_passes
        key = BatchKey(BatchKind.PROBE, batch.agent_hostname, batch.sequence_number, checked.digest)
        self.judged = JudgedProbes(key, len(batch.executions))
        self._default_ns = clock.now_ns if batch.batch_time_ns is None else batch.batch_time_ns

    def judge(self, first: int, last: int) -> None:
        """Judge the executions from place `first` up to, not including, `last`."""
        clock, refused, groups = self._clock, self._checked.refused, self.judged.groups
        earliest_ns, latest_ns, default_ns = clock.earliest_ns, clock.latest_ns, self._default_ns
        executions = self._batch.executions
        for place in range(first, min(last, len(executions))):
            one = executions[place]
            time_ns = default_ns if one.time_ns is None else one.time_ns
            known = one.probe_type in PROBE_TYPES and one.result in PROBE_RESULTS and one.sm_id < MAX_SMS
            group = groups.get(one.gpu.uuid)
            if group is None or group.gpu != one.gpu:
                group = self._described(one.gpu)
            if place in refused or not known or not earliest_ns <= time_ns <= latest_ns or group is None:
                self._refuse(one, time_ns, is_forged=place in refused)
                continue
            groups[one.gpu.uuid] = group
            group.outcomes.append(Outcome(one.sm_id, one.probe_type, one.result, time_ns))
            if one.result != _PASS or self._record_passes:
                self.judged.evidence.append((one, time_ns))

    def _described(self, gpu: Gpu) -> Group | None:
        """The group of a GPU that is new in this batch, or described in another way; None where that is malformed."""
        try:
            checked_gpu(gpu)
        except Invalid:
            return None
        known = self.judged.groups.get(gpu.uuid)
        return Group(gpu, known.outcomes if known else [])

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
        else:
            refusals.add("gpu", f"of a GPU that is not described well ({_fault_of(one.gpu)})")


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


def judge_anomalies(batch: AnomalyBatch, clock: Clock) -> JudgedAnomalies:
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
        else:
            judged.taken.append(TakenAnomaly(event, data, time_ns))
    return judged


@dataclass(slots=True)
class JudgedTelemetry(Judged):
    """A batch of telemetry, judged: reports that count with the times they were measured."""

    taken: list[tuple[TelemetryReport, int]] = field(default_factory=list)


def judge_telemetry(batch: TelemetryBatch, clock: Clock) -> JudgedTelemetry:
    """Which reports of a batch count."""
    encoded = [repr(report).encode("utf-8", "surrogatepass") for report in batch.reports]
    key = BatchKey(BatchKind.TELEMETRY, batch.agent_hostname, batch.sequence_number, _digest(encoded))
    judged = JudgedTelemetry(key, len(batch.reports))
    default_ns = clock.now_ns if batch.batch_time_ns is None else batch.batch_time_ns
    for report in batch.reports:
        time_ns = max(_times_of(report), default=default_ns)
        if words := clock.objection(time_ns):
            judged.refusals.add("clock", words)
        elif fault := _fault_of(report.gpu):
            judged.refusals.add("gpu", f"of a GPU that is not described well ({fault})")
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
