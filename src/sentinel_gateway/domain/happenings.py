"""What alerts are judged from. Who makes a change says what happened; which alerts follow is none of its business.

Each kind tells itself in one line (`words`) and in named facts. Some are derived from others by `alerts.watching`:
failures on several SMs, silent agents.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

from sentinel_gateway.domain.anomalies import AnomalyEvent, AnomalyType
from sentinel_gateway.domain.directives import DirectiveRecord, DirectiveStatus
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Correlation, StateTransition
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.domain.telemetry import TelemetryReport
from sentinel_gateway.domain.tmr import TmrOutcome, TmrVerdict


class AnomalySource(IntEnum):
    """Who reports anomalies; numbers equal the wire's."""

    INFERENCE_MONITOR = 1
    TRAINING_MONITOR = 2
    INVARIANT_CHECKER = 3


class Pattern(IntEnum):
    """Kinds of correlations; numbers equal `sentinel.v1.PatternType`."""

    MULTI_SIGNAL = 1
    SM_LOCALIZED = 2
    ENVIRONMENTAL = 3
    NODE_CORRELATED = 4
    FIRMWARE_CORRELATED = 5
    TMR_CONFIRMED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What all have."""

    time_ns: int
    gpu: Gpu | None = None
    hostname: str = ""
    """Of what has no GPU."""
    event_ids: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Where it happened; empty where that has no meaning."""
        return self.gpu.hostname if self.gpu else self.hostname

    @property
    def words(self) -> str:
        """What happened, in one line without the place."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """Its own fields, by name."""
        common = {field.name for field in fields(Happening)}
        return {field.name: _shown(getattr(self, field.name)) for field in fields(self) if field.name not in common}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFailed(Happening):
    """A probe found corrupted data on an SM."""

    sm_id: int
    probe_type: int

    @property
    def words(self) -> str:
        return f"{_named(ProbeType, self.probe_type)} probe failed on SM {self.sm_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresInARow(Happening):
    """So many probes failed one after the other on an SM."""

    sm_id: int
    row: int

    @property
    def words(self) -> str:
        return f"{self.row} probes in a row failed on SM {self.sm_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresOnSms(Happening):
    """So many SMs of a GPU failed within a window."""

    sms: int
    window_s: int

    @property
    def words(self) -> str:
        return f"probes failed on {self.sms} SMs within {self.window_s} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTimedOut(Happening):
    """A probe did not end in time."""

    sm_id: int
    probe_type: int

    @property
    def words(self) -> str:
        return f"{_named(ProbeType, self.probe_type)} probe timed out on SM {self.sm_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalySeen(Happening):
    """A monitor reported an anomaly."""

    anomaly_type: int
    source: int
    severity: int
    score: float = 0.0

    @property
    def words(self) -> str:
        return f"{_named(AnomalyType, self.anomaly_type)} anomaly with score {self.score:.4g}"

    @classmethod
    def of(cls, event: AnomalyEvent, time_ns: int) -> AnomalySeen:
        """Of what was reported."""
        return cls(
            time_ns=time_ns,
            gpu=event.gpu,
            event_ids=(event.event_id,) if event.event_id else (),
            anomaly_type=event.anomaly_type,
            source=event.source,
            severity=event.severity,
            score=event.score,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Happening):
    """A GPU's state changed."""

    from_state: HealthState
    to_state: HealthState
    reason: str = ""
    initiated_by: str = ""
    directive_id: str = ""

    @property
    def words(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.from_state.name} to {self.to_state.name} by {self.initiated_by or 'nobody named'}{reason}"

    @property
    def is_reinstated(self) -> bool:
        """Whether it came back because somebody decided so; a suspicion that passed is no reinstatement."""
        is_back = self.to_state is HealthState.HEALTHY
        return is_back and (self.from_state is not HealthState.SUSPECT or bool(self.directive_id))

    @classmethod
    def of(cls, transition: StateTransition, gpu: Gpu) -> StateChanged:
        """Of what the history keeps."""
        return cls(
            time_ns=transition.time_ns,
            gpu=gpu,
            event_ids=(transition.directive_id,) if transition.directive_id else (),
            from_state=transition.from_state,
            to_state=transition.to_state,
            reason=transition.reason,
            initiated_by=transition.initiated_by,
            directive_id=transition.directive_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectiveChanged(Happening):
    """A directive was executed, waits for a person, or waits no more."""

    directive_id: str
    action: str
    status: DirectiveStatus
    issued_by: str = ""
    reason: str = ""
    note: str = ""

    @property
    def words(self) -> str:
        what = f"{self.action} by {self.issued_by or 'nobody named'} is {self.status.name}"
        return ": ".join(part for part in (what, self.note, self.reason) if part)

    @classmethod
    def of(cls, record: DirectiveRecord, time_ns: int) -> DirectiveChanged:
        """Of what became of a directive now."""
        asked = record.directive
        return cls(
            time_ns=time_ns,
            gpu=asked.gpu,
            event_ids=(*asked.evidence, record.directive_id),
            directive_id=record.directive_id,
            action=asked.action.name,
            status=record.status,
            issued_by=record.issued_by,
            reason=asked.reason,
            note=record.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overstayed(Happening):
    """A GPU has been out of use for longer than it should, and nobody decided about it."""

    state: HealthState
    hours: float
    reason: str = ""

    @property
    def words(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.state.name} for {self.hours:.1f} hours, and nobody decided about it{reason}"

    @classmethod
    def of(cls, known: GpuState, time_ns: int) -> Overstayed:
        """Of a GPU that is where it should not be any more."""
        hours = (time_ns - known.state_changed_ns) / 3.6e12
        return cls(time_ns=time_ns, gpu=known.gpu, state=known.state, hours=hours, reason=known.state_reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlated(Happening):
    """Several events read as one finding."""

    pattern_type: int
    confidence: float
    description: str = ""
    recommended_action: str = ""

    @property
    def words(self) -> str:
        name, share = _named(Pattern, self.pattern_type), f"{self.confidence:.0%}"
        return f"{name} with confidence {share}: {self.description}"

    @classmethod
    def of(cls, found: Correlation) -> Correlated:
        """Of what the history keeps."""
        return cls(
            time_ns=found.time_ns,
            gpu=found.gpu,
            event_ids=(found.event_id, *found.events),
            pattern_type=found.pattern_type,
            confidence=found.confidence,
            description=found.description,
            recommended_action=found.recommended_action,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonCause(Happening):
    """Failing GPUs have something in common (`model.guards.Guard`), or have it no more."""

    cause: str
    """The guard's key: the same for the same cause."""
    shared: str
    """``probe``, ``golden_answer``, ``rollout``, ``host`` or ``facility``."""
    value: str = ""
    gpus: int = 0
    of: int = 0
    is_over: bool = False

    @property
    def words(self) -> str:
        what = f"{self.shared} {self.value}".strip()
        return f"{self.gpus} of {self.of} GPUs fail together; what they share: {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TmrVoted(Happening):
    """Three GPUs computed the same thing; `gpu` is the one that stood alone."""

    canary_id: str
    outcome: TmrOutcome

    @property
    def words(self) -> str:
        return f"TMR round {self.canary_id} ended with {self.outcome.name}"

    @classmethod
    def of(cls, verdict: TmrVerdict, time_ns: int) -> TmrVoted:
        """Of a vote."""
        gpu, ids = verdict.dissenting_gpu, (verdict.canary_id,)
        return cls(time_ns=time_ns, gpu=gpu, event_ids=ids, canary_id=verdict.canary_id, outcome=verdict.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryRead(Happening):
    """What a GPU says of itself; None for what its agent does not report."""

    throttled: bool | None = None
    uncorrected: int | None = None
    """ECC errors that could not be corrected, of SRAM and DRAM together."""
    retired_pages: int | None = None

    @property
    def words(self) -> str:
        parts = (
            "throttling for heat" if self.throttled else "",
            f"uncorrected ECC errors: {self.uncorrected}" if self.uncorrected else "",
            f"retired memory pages: {self.retired_pages}" if self.retired_pages else "",
        )
        return ", ".join(part for part in parts if part) or "nothing to report"

    @classmethod
    def of(cls, report: TelemetryReport, time_ns: int) -> TelemetryRead:
        """Of a report."""
        thermal, ecc = report.thermal, report.ecc
        return cls(
            time_ns=time_ns,
            gpu=report.gpu,
            throttled=thermal.throttle_active if thermal else None,
            uncorrected=ecc.sram_uncorrected + ecc.dram_uncorrected if ecc else None,
            retired_pages=ecc.retired_pages if ecc else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerVerified(Happening):
    """The audit ledger was verified."""

    valid: bool
    kind: str = ""
    description: str = ""
    first_invalid_entry_id: int = 0

    @property
    def words(self) -> str:
        return f"the audit ledger does not verify: {self.kind} {self.description}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Happening):
    """A host's agent reported probes or telemetry; `time_ns` is when it was received."""

    @property
    def words(self) -> str:
        return "the agent reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSilent(Happening):
    """A host's agent reported nothing for a while, or does so again."""

    silent_s: int = 0
    is_over: bool = False

    @property
    def words(self) -> str:
        return f"the agent has reported nothing for {self.silent_s} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRate(Happening):
    """How often data are corrupted in the whole fleet (`FleetSummary.overall_sdc_rate`)."""

    rate: float
    """Failed probes and TMR dissents per GPU-hour."""
    gpus: int

    @property
    def words(self) -> str:
        return f"{self.rate:.4g} corruptions per GPU-hour in a fleet of {self.gpus} GPUs"


def _named(kind: type[IntEnum], number: int) -> str:
    """A number's name; the number itself where it has none."""
    return kind(number).name if number in [*kind] else f"{kind.__name__} {number}"


def _shown(value: object) -> str:
    if isinstance(value, IntEnum):
        return value.name
    return f"{value:.6g}" if isinstance(value, float) else str(value)
