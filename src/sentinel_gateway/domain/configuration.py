"""Settings that are pushed to agents and monitors at run time: which updates are valid, and who must be told what.

Every update that is taken gets the next version. What counts is the newest update of each subject: the whole probe
schedule, the overhead budget, one component's sampling rate, one parameter of one component. A component that connects
is told the newest update of every subject since the version it last acknowledged, in order of version.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.probes import PROBE_TYPES, ProbeType
from sentinel_gateway.domain.text import MAX_NAME, MAX_WORDS, checked_text

MAX_PERIOD_S = 30 * 86400
MAX_TIMEOUT_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """`sentinel.v1.ProbeScheduleEntry`."""

    probe_type: int
    period_s: int
    sm_coverage: float
    """Share of SMs, 0 to 1."""
    priority: int
    enabled: bool
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class ProbeSchedule:
    """Replaces the whole schedule."""

    entries: tuple[ScheduleEntry, ...]


@dataclass(frozen=True, slots=True)
class OverheadBudget:
    """How much GPU time probes may take."""

    budget_pct: float


@dataclass(frozen=True, slots=True)
class SamplingRate:
    """How much of its input a component looks at."""

    component: str
    rate: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """One parameter of one component."""

    component: str
    parameter: str
    value: float


Payload: TypeAlias = ProbeSchedule | OverheadBudget | SamplingRate | Threshold


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """`sentinel.v1.ConfigUpdate`, as a caller sends it."""

    payload: Payload | None
    """None where the request carried none; refused."""
    update_id: str = ""
    """Made by the client, so that sending twice does it once; empty: the gateway makes one."""
    initiated_by: str = ""
    """Empty for the caller's proved name."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VersionedUpdate:
    """An update that was taken."""

    version: int
    update_id: str
    initiated_by: str
    reason: str
    payload: Payload
    time_ns: int
    pushed_by: str
    """Who the connection proved to be."""


@dataclass(frozen=True, slots=True)
class ConfigResult:
    """The answer to a pushed update."""

    update_id: str
    applied: bool
    version: int
    """The version after it; the current one where it was not applied."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ComponentAck:
    """`sentinel.v1.ConfigAck`, as a component sends it."""

    component_id: str
    update_id: str = ""
    applied: bool = False
    error: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class ComponentState:
    """What a component last said."""

    ack: ComponentAck
    time_ns: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """The newest update of each subject."""

    version: int = 0
    updates: Mapping[str, VersionedUpdate] = field(default_factory=dict)
    """By subject, as `subject` names it."""

    def with_update(self, update: VersionedUpdate) -> Configuration:
        """The configuration after one more update."""
        return replace(self, version=update.version, updates={**self.updates, subject(update.payload): update})

    def since(self, version: int) -> tuple[VersionedUpdate, ...]:
        """What a component that has `version` must be told, in order."""
        newer = (update for update in self.updates.values() if update.version > version)
        return tuple(sorted(newer, key=lambda update: update.version))


def subject(payload: Payload) -> str:
    """What an update is about; a newer one about the same replaces it."""
    match payload:
        case ProbeSchedule():
            return "probe_schedule"
        case OverheadBudget():
            return "overhead_budget"
        case SamplingRate():
            return f"sampling_rate/{payload.component}"
        case Threshold():
            return f"threshold/{payload.component}/{payload.parameter}"


def checked(change: ConfigChange) -> Payload:
    """The payload, where every value is in its range.

    Raises:
        Invalid: names the field, the value and the range.
    """
    checked_text("update_id", change.update_id, MAX_NAME)
    checked_text("initiated_by", change.initiated_by, MAX_NAME)
    checked_text("reason", change.reason, MAX_WORDS)
    match change.payload:
        case None:
            raise Invalid("set one of probe_schedule, overhead_budget, sampling_rate, threshold")
        case ProbeSchedule():
            _check_schedule(change.payload)
        case OverheadBudget():
            _within("overhead_budget.budget_pct", change.payload.budget_pct, 0, 100)
        case SamplingRate():
            _named("sampling_rate.component", change.payload.component)
            _within("sampling_rate.rate", change.payload.rate, 0, 1)
        case Threshold():
            _named("threshold.component", change.payload.component)
            _named("threshold.parameter", change.payload.parameter)
            if not math.isfinite(change.payload.value):
                raise Invalid(f"threshold.value must be a number, not {change.payload.value}")
    return change.payload


def _check_schedule(schedule: ProbeSchedule) -> None:
    if not schedule.entries:
        raise Invalid("probe_schedule.entries is empty: to stop probes, send them with enabled = false")
    seen: set[int] = set()
    for entry in schedule.entries:
        if entry.probe_type not in PROBE_TYPES:
            raise Invalid(f"probe_schedule: probe type {entry.probe_type} is not known")
        name = ProbeType(entry.probe_type).name
        if entry.probe_type in seen:
            raise Invalid(f"probe_schedule: {name} stands in it twice")
        seen.add(entry.probe_type)
        _within(f"probe_schedule: period_seconds of {name}", entry.period_s, 1 if entry.enabled else 0, MAX_PERIOD_S)
        _within(f"probe_schedule: sm_coverage of {name}", entry.sm_coverage, 0, 1)
        _within(f"probe_schedule: timeout_ms of {name}", entry.timeout_ms, 0, MAX_TIMEOUT_MS)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise Invalid(f"{name} must be from {low} to {high}, not {value}")


def _named(name: str, value: str) -> None:
    if not value:
        raise Invalid(f"{name} is empty")
    checked_text(name, value, MAX_NAME)
