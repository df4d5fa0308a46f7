"""How one GPU and the whole fleet are told to those who ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sentinel_gateway.domain.deep_tests import DeepTest
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Correlation
from sentinel_gateway.domain.identity import Gpu


@dataclass(frozen=True, slots=True)
class SmHealthView:
    """`sentinel.v1.SmHealth`; counts are of all time."""

    sm_id: int
    reliability_score: float
    probe_pass_count: int
    probe_fail_count: int
    disabled: bool = False
    disable_reason: str = ""


@dataclass(frozen=True, slots=True)
class GpuHealthView:
    """`sentinel.v1.GpuHealth`; counts are of all time, alpha and beta since the last reinstatement."""

    gpu: Gpu
    state: HealthState
    reliability_score: float
    alpha: float
    beta: float
    last_probe_ns: int | None
    last_anomaly_ns: int | None
    probe_pass_count: int
    probe_fail_count: int
    anomaly_count: int
    state_changed_ns: int
    """When it was first heard of, for a GPU that never changed."""
    state_change_reason: str
    anomaly_rate: float
    """Anomalies per hour over the rate window."""
    probe_failure_rate: float
    """Failed probes per hour over the rate window."""
    sm_health: tuple[SmHealthView, ...] = ()
    recent_correlations: tuple[Correlation, ...] = ()
    sdc_event_count: int = 0
    """Failed probes and TMR dissents within the rate window."""
    deep_test: DeepTest | None = None
    """The one it is in."""


@dataclass(frozen=True, slots=True)
class FleetFilter:
    """Which GPUs are asked for; empty fields match all."""

    hostname_prefix: str = ""
    model: str = ""
    """Part of the model's name, upper or lower case: ``H100`` matches ``NVIDIA H100 80GB HBM3``."""
    states: tuple[HealthState, ...] = ()
    limit: int = 1000
    """GPUs listed one by one, worst first; the summary counts all that match."""

    def matches(self, gpu: Gpu, state: HealthState) -> bool:
        """Whether a GPU in this state is asked for."""
        return (
            gpu.hostname.startswith(self.hostname_prefix)
            and self.model.lower() in gpu.model.lower()
            and (not self.states or state in self.states)
        )


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """`sentinel.v1.FleetHealthSummary`; all zeros for an empty fleet."""

    total_gpus: int
    healthy: int
    suspect: int
    quarantined: int
    deep_test: int
    condemned: int
    overall_sdc_rate: float
    """Failed probes and TMR dissents per GPU-hour over the rate window."""
    average_reliability_score: float
    snapshot_ns: int
    active_agents: int
    rate_window_s: int


@dataclass(frozen=True, slots=True)
class FleetView:
    """`sentinel.v1.FleetHealthResponse`."""

    summary: FleetSummary
    gpus: tuple[GpuHealthView, ...]
    """Without SMs; worst first: by state, then by score."""
    truncated: bool
    total_matching: int


_WORST = {
    HealthState.CONDEMNED: 0,
    HealthState.QUARANTINED: 1,
    HealthState.DEEP_TEST: 2,
    HealthState.SUSPECT: 3,
    HealthState.HEALTHY: 4,
}


def badness(view: GpuHealthView) -> tuple[int, float, str]:
    """Sorts the worst first; equal ones by UUID, so that the order is always the same."""
    return _WORST[view.state], view.reliability_score, view.gpu.uuid


def summary_of(views: Iterable[GpuHealthView], now_ns: int, *, active_agents: int, rate_window_s: int) -> FleetSummary:
    """Counts and means over some GPUs."""
    listed = list(views)
    states = Counter(view.state for view in listed)
    total = len(listed)
    gpu_hours = total * rate_window_s / 3600
    return FleetSummary(
        total_gpus=total,
        healthy=states[HealthState.HEALTHY],
        suspect=states[HealthState.SUSPECT],
        quarantined=states[HealthState.QUARANTINED],
        deep_test=states[HealthState.DEEP_TEST],
        condemned=states[HealthState.CONDEMNED],
        overall_sdc_rate=sum(view.sdc_event_count for view in listed) / gpu_hours if total else 0.0,
        average_reliability_score=sum(view.reliability_score for view in listed) / total if total else 0.0,
        snapshot_ns=now_ns,
        active_agents=active_agents,
        rate_window_s=rate_window_s,
    )
