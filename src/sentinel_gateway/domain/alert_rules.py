"""The rules: what is told, how loudly, where, and how often. The table reads like the reference's `alert_rules.yaml`.

A condition looks at kinds of happenings and says how far it has come: None where the happening says nothing about it,
0 where it does not hold (any more), else a number above 0. How it goes on decides what is done with that:

- `REPEATED`: heard of again and again while it holds; told as often as the cool-down allows.
- `RISING`: a counter; only what is above what was told is told. Falling ends nothing: the damage was done.
- `LASTING`: heard of once when it begins and once when it ends, so it is never dropped for cooling down, only held.

Every alert about a GPU is over when the GPU is HEALTHY again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Any, TypeVar

from sentinel_gateway.domain.alerts import GroupKey, Medium, Severity
from sentinel_gateway.domain.anomalies import AnomalyType
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.happened import HOST
from sentinel_gateway.domain.happenings import (
    AgentSilent,
    AnomalySeen,
    AnomalySource,
    CommonCause,
    Correlated,
    DirectiveChanged,
    FailuresInARow,
    FailuresOnSms,
    FleetRate,
    Happening,
    LedgerVerified,
    Overstayed,
    Pattern,
    ProbeFailed,
    ProbesTakeTooMuch,
    ProbeTimedOut,
    StateChanged,
    TelemetryRead,
    TmrVoted,
)
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.tmr import TmrOutcome

Kind = TypeVar("Kind", bound=Happening)


class GroupBy(StrEnum):
    """What alerts of a rule are told apart by."""

    GPU = "gpu"
    DIRECTIVE = "directive"
    HOSTNAME = "hostname"
    CAUSE = "cause"
    CLUSTER = "cluster"


class Course(Enum):
    """How a condition goes on; see the module."""

    REPEATED = "repeated"
    RISING = "rising"
    LASTING = "lasting"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Numbers in conditions, with the reference's values."""

    row: int = 3
    """Failures in a row on one SM."""
    sms: int = 3
    """SMs of a GPU with failures within `sms_window`."""
    sms_window: timedelta = timedelta(seconds=600)
    confidence: float = 0.8
    """Of a correlation, 0 to 1."""
    silence: timedelta = timedelta(seconds=120)
    """Of an agent."""
    sdc_rate: float = 0.001
    """Corruptions per GPU-hour over the rate window."""


@dataclass(frozen=True, slots=True)
class Condition:
    """See the module."""

    kinds: tuple[type[Happening], ...]
    level: Callable[[Any], int | None]
    """Called with happenings of these kinds only."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """See the module."""

    name: str
    condition: Condition
    severity: Severity
    media: frozenset[Medium]
    cooldown: timedelta
    group_by: GroupBy
    course: Course = Course.REPEATED

    def group_of(self, happening: Happening) -> GroupKey:
        """What an alert about `happening` is about; the next wider thing where it names no such."""
        if self.group_by is GroupBy.CAUSE and isinstance(happening, CommonCause):
            return GroupKey(self.name, f"cause/{happening.change.key}")
        if self.group_by is GroupBy.DIRECTIVE and isinstance(happening, DirectiveChanged):
            return GroupKey(self.name, f"directive/{happening.directive_id}")
        if self.group_by is GroupBy.GPU and happening.gpu:
            return GroupKey(self.name, f"gpu/{happening.gpu.uuid}")
        if self.group_by is not GroupBy.CLUSTER and happening.host:
            return GroupKey(self.name, f"host/{happening.host}")
        return GroupKey(self.name, "cluster")


_CHAT = frozenset({Medium.SLACK, Medium.WEBHOOK})
_PAGE = _CHAT | {Medium.PAGERDUTY}
_ALL = frozenset(Medium)
_INFO, _WARNING, _HIGH, _CRITICAL = Severity
_GPU, _DIRECTIVE, _HOSTNAME, _CAUSE, _CLUSTER = GroupBy
_REPEATED, _RISING, _LASTING = Course


def default_rules(at: Thresholds) -> tuple[AlertRule, ...]:
    """All rules: the reference's 23, and ours."""
    return (*_of_the_reference(at), *_ours())


def _of_the_reference(at: Thresholds) -> tuple[AlertRule, ...]:
    return (
        _rule("probe_single_failure", _any(ProbeFailed), _WARNING, _CHAT, 300, _GPU),
        _rule("probe_consecutive_failures", _row(at.row), _HIGH, _PAGE, 60, _GPU),
        _rule("probe_multi_sm_failure", _sms(at.sms), _CRITICAL, _ALL, 0, _GPU),
        _rule("probe_timeout", _any(ProbeTimedOut), _WARNING, _CHAT, 600, _GPU),
        _rule("inference_anomaly_warning", _inference(_WARNING), _WARNING, _CHAT, 600, _GPU),
        _rule("inference_anomaly_high", _inference(_HIGH), _HIGH, _PAGE, 120, _GPU),
        _rule("inference_anomaly_critical", _inference(_CRITICAL), _CRITICAL, _ALL, 0, _GPU),
        _rule("training_anomaly_gradient_spike", _anomaly(AnomalyType.GRADIENT_NORM_SPIKE), _HIGH, _PAGE, 120, _GPU),
        _rule("training_anomaly_cross_rank", _anomaly(AnomalyType.CROSS_RANK_DIVERGENCE), _CRITICAL, _ALL, 0, _GPU),
        _rule("training_anomaly_loss_spike", _anomaly(AnomalyType.LOSS_SPIKE), _HIGH, _PAGE, 300, _GPU),
        _rule("invariant_violation", _anomaly(AnomalyType.INVARIANT_VIOLATION), _CRITICAL, _ALL, 0, _GPU),
        _rule("gpu_quarantined", _becomes(HealthState.QUARANTINED), _HIGH, _ALL, 0, _GPU),
        _rule("gpu_condemned", _becomes(HealthState.CONDEMNED), _CRITICAL, _ALL, 0, _GPU),
        _rule("gpu_reinstated", _when(StateChanged, lambda it: it.is_reinstated), _INFO, _CHAT, 0, _GPU),
        _rule("high_confidence_correlation", _confident(at.confidence), _HIGH, _PAGE, 120, _GPU),
        _lasting(
            "node_correlated_failures", Condition((Correlated, CommonCause), _node), _CRITICAL, _ALL, 0, _HOSTNAME
        ),
        _rule("tmr_dissent", _when(TmrVoted, lambda it: it.outcome in _DISAGREED), _HIGH, _PAGE, 120, _GPU),
        _rule("gpu_thermal_throttle", _reading(lambda it: it.throttled), _WARNING, _CHAT, 600, _GPU),
        _rising("gpu_ecc_uncorrected", _reading(lambda it: it.uncorrected), _CRITICAL, _ALL, 0, _GPU),
        _rising("gpu_retired_pages", _reading(lambda it: it.retired_pages), _HIGH, _PAGE, 3600, _GPU),
        _rule("audit_chain_broken", _holding(LedgerVerified, lambda it: not it.valid), _CRITICAL, _ALL, 0, _CLUSTER),
        _lasting(
            "agent_heartbeat_lost", _holding(AgentSilent, lambda it: not it.is_over), _HIGH, _PAGE, 300, _HOSTNAME
        ),
        _rule("fleet_sdc_rate_elevated", _elevated(at.sdc_rate), _HIGH, _ALL, 1800, _CLUSTER),
    )


def _ours() -> tuple[AlertRule, ...]:
    """What failing GPUs of several hosts share, what waits for a person, and what probes cost."""
    is_waiting = _holding(DirectiveChanged, lambda it: it.status is DirectiveStatus.WAITING)
    return (
        _lasting("fleet_common_cause", Condition((CommonCause,), _beyond_a_node), _HIGH, _ALL, 0, _CAUSE),
        _lasting("directive_waiting", is_waiting, _HIGH, _PAGE, 0, _DIRECTIVE),
        _rule("directive_expired", Condition((DirectiveChanged,), _expired), _HIGH, _PAGE, 0, _GPU),
        _lasting("quarantine_timeout", _overstays(HealthState.QUARANTINED), _HIGH, _PAGE, 0, _GPU),
        _lasting("deep_test_timeout", _overstays(HealthState.DEEP_TEST), _HIGH, _PAGE, 0, _GPU),
        _lasting(
            "probe_overhead_high", _holding(ProbesTakeTooMuch, lambda it: not it.is_over), _WARNING, _CHAT, 0, _HOSTNAME
        ),
    )


_DISAGREED = (TmrOutcome.DISSENT, TmrOutcome.NO_CONSENSUS)
"""Fewer than three answers are no vote, so nobody dissented."""


def _rule(
    name: str, condition: Condition, severity: Severity, media: frozenset[Medium], cooldown_s: int, group_by: GroupBy
) -> AlertRule:
    return AlertRule(name, condition, severity, media, timedelta(seconds=cooldown_s), group_by)


def _rising(
    name: str, condition: Condition, severity: Severity, media: frozenset[Medium], cooldown_s: int, group_by: GroupBy
) -> AlertRule:
    return replace(_rule(name, condition, severity, media, cooldown_s, group_by), course=_RISING)


def _lasting(
    name: str, condition: Condition, severity: Severity, media: frozenset[Medium], cooldown_s: int, group_by: GroupBy
) -> AlertRule:
    return replace(_rule(name, condition, severity, media, cooldown_s, group_by), course=_LASTING)


def _any(kind: type[Happening]) -> Condition:
    return Condition((kind,), lambda _: 1)


def _when(kind: type[Kind], holds: Callable[[Kind], bool]) -> Condition:
    """Holds for some; the others say nothing about it."""
    return Condition((kind,), lambda happening: 1 if holds(happening) else None)


def _holding(kind: type[Kind], holds: Callable[[Kind], bool]) -> Condition:
    """Holds for some; the others say that it does not."""
    return Condition((kind,), lambda happening: int(holds(happening)))


def _reading(value: Callable[[TelemetryRead], int | None]) -> Condition:
    """A counter or flag that not every report has."""

    def level(happening: TelemetryRead) -> int | None:
        read = value(happening)
        return None if read is None else int(read)

    return Condition((TelemetryRead,), level)


def _row(least: int) -> Condition:
    return _when(FailuresInARow, lambda it: it.row >= least)


def _sms(least: int) -> Condition:
    return _when(FailuresOnSms, lambda it: it.sms >= least)


def _inference(severity: Severity) -> Condition:
    source = AnomalySource.INFERENCE_MONITOR
    return _when(AnomalySeen, lambda it: it.source == source and it.severity == severity)


def _anomaly(kind: AnomalyType) -> Condition:
    return _when(AnomalySeen, lambda it: it.anomaly_type == kind)


def _becomes(state: HealthState) -> Condition:
    return _when(StateChanged, lambda it: it.to_state is state)


def _expired(happening: DirectiveChanged) -> int | None:
    """Over when a later directive about the GPU is executed or denied: somebody looked at it."""
    if happening.status in (DirectiveStatus.EXECUTED, DirectiveStatus.DENIED):
        return 0
    return 1 if happening.status is DirectiveStatus.EXPIRED else None


def _overstays(state: HealthState) -> Condition:
    """A GPU stays in `state` for too long; over when it leaves."""

    def level(happening: Overstayed | StateChanged) -> int | None:
        if isinstance(happening, Overstayed):
            return 1 if happening.state is state else None
        return 0 if happening.from_state is state else None

    return Condition((Overstayed, StateChanged), level)


def _confident(least: float) -> Condition:
    return _when(Correlated, lambda it: it.confidence >= least)


def _elevated(above: float) -> Condition:
    return _holding(FleetRate, lambda it: it.rate > above)


def _node(happening: Correlated | CommonCause) -> int | None:
    if isinstance(happening, Correlated):
        return 1 if happening.pattern_type == Pattern.NODE_CORRELATED else None
    return int(happening.change.raised) if happening.change.shared == HOST else None


def _beyond_a_node(happening: CommonCause) -> int | None:
    return int(happening.change.raised) if happening.change.shared != HOST else None
