"""From the client library's models to our values, once, at the edge. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gcm_sentinel.domain.gpu_health import (
    FleetCounts,
    FleetHealth,
    Gpu,
    GpuHealth,
    GpuHistory,
    GpuState,
    Pattern,
    ReliabilitySample,
    SmHealth,
    Transition,
    TrustEdge,
    TrustGraph,
)

if TYPE_CHECKING:
    from sentinel_sdk import types as sdk

_STATES = frozenset(GpuState)


def gpu(model: sdk.GpuIdentifier | None) -> Gpu:
    """A GPU; one without a name where the gateway told none."""
    if model is None:
        return Gpu("")
    return Gpu(
        uuid=model.uuid,
        node=model.hostname,
        index=model.device_index,
        model=model.model,
        driver_version=model.driver_version,
        firmware_version=model.firmware_version,
    )


def health(model: sdk.GpuHealth) -> GpuHealth:
    """One GPU's health, its SMs in order."""
    sms = sorted((_sm(sm) for sm in model.sm_health), key=lambda sm: sm.sm)
    return GpuHealth(
        gpu=gpu(model.gpu),
        state=_state(model.state),
        reliability=model.reliability_score,
        alpha=model.alpha,
        beta=model.beta,
        passed=model.probe_pass_count,
        failed=model.probe_fail_count,
        anomalies=model.anomaly_count,
        failures_per_hour=model.probe_failure_rate,
        anomalies_per_hour=model.anomaly_rate,
        last_probe_at=model.last_probe_time,
        last_anomaly_at=model.last_anomaly_time,
        since=model.state_changed_at,
        why=model.state_change_reason,
        sms=tuple(sms),
    )


def fleet(model: sdk.FleetHealth) -> FleetHealth:
    """The fleet, or the part that was asked for."""
    gpus = tuple(map(health, model.gpu_health))
    return FleetHealth(
        counts=_counts(model.summary),
        gpus=gpus,
        truncated=model.truncated,
        matching=max(model.total_matching, len(gpus)),
    )


def history(pages: Iterable[sdk.GpuHistoryResponse], *, complete: bool) -> GpuHistory:
    """The pages of a history as one."""
    transitions, patterns, samples = [], [], []
    for page in pages:
        transitions += [transition(item) for item in page.state_transitions]
        patterns += [pattern(item) for item in page.correlations]
        samples += [_sample(item) for item in page.reliability_history]
    told = tuple(sample for sample in samples if sample is not None)
    return GpuHistory(tuple(transitions), tuple(patterns), told, complete)


def trust_graph(model: sdk.TrustGraphSnapshot) -> TrustGraph:
    """Every pair."""
    return TrustGraph(
        edges=tuple(map(_edge, model.edges)),
        at=model.timestamp,
        coverage_pct=model.coverage_pct,
        gpus=model.total_gpus,
        minimum=model.min_trust_score,
        mean=model.mean_trust_score,
    )


def _state(state: sdk.GpuHealthState) -> GpuState:
    return GpuState(state.name) if state.name in _STATES else GpuState.UNKNOWN


def _sm(model: sdk.SmHealth) -> SmHealth:
    return SmHealth(
        sm=model.sm.sm_id if model.sm else 0,
        passed=model.probe_pass_count,
        failed=model.probe_fail_count,
        reliability=model.reliability_score,
        disabled=model.disabled,
        disable_reason=model.disable_reason,
    )


def _counts(model: sdk.FleetHealthSummary | None) -> FleetCounts:
    if model is None:
        return FleetCounts()
    return FleetCounts(
        total=model.total_gpus,
        healthy=model.healthy,
        suspect=model.suspect,
        quarantined=model.quarantined,
        deep_test=model.deep_test,
        condemned=model.condemned,
        sdc_rate=model.overall_sdc_rate,
        mean_reliability=model.average_reliability_score,
        agents=model.active_agents,
        rate_window_s=model.rate_window_seconds,
        at=model.snapshot_time,
    )


def transition(model: sdk.StateTransition) -> Transition:
    """One change of state."""
    return Transition(
        before=_state(model.from_state),
        after=_state(model.to_state),
        at=model.timestamp,
        reason=model.reason,
        by=model.initiated_by,
    )


def pattern(model: sdk.CorrelationEvent) -> Pattern:
    """Events that were correlated."""
    attributed = model.attributed_gpu or (model.attributed_sm.gpu if model.attributed_sm else None)
    return Pattern(
        id=model.event_id,
        kind=model.pattern_type.name,
        confidence=model.confidence,
        at=model.timestamp,
        gpu=gpu(attributed) if attributed else None,
        sm=model.attributed_sm.sm_id if model.attributed_sm else None,
        events=tuple(model.events_correlated),
        description=model.description,
        severity=model.severity.name,
        recommended=model.recommended_action,
    )


def _sample(model: sdk.ReliabilitySample) -> ReliabilitySample | None:
    if model.timestamp is None:
        return None
    return ReliabilitySample(model.timestamp, model.reliability_score, model.alpha, model.beta)


def _edge(model: sdk.TrustEdge) -> TrustEdge:
    return TrustEdge(
        a=gpu(model.gpu_a),
        b=gpu(model.gpu_b),
        agreed=model.agreement_count,
        disagreed=model.disagreement_count,
        last_at=model.last_comparison,
    )
