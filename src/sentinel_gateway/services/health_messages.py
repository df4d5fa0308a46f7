"""GPU health, fleet, history and trust from our values to the wire."""

from __future__ import annotations

from sentinel.v1 import common_pb2, correlation_pb2, health_pb2, trust_pb2
from sentinel_gateway.domain.fleet import FleetSummary, FleetView, GpuHealthView, SmHealthView
from sentinel_gateway.domain.history import Correlation, HistoryPage, ReliabilitySample, StateTransition
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.trust import TrustEdgeView, TrustView
from sentinel_gateway.services.directive_messages import state_number
from sentinel_gateway.services.wire_values import gpu_to_wire, timestamp


def health_response(view: GpuHealthView) -> correlation_pb2.HealthQueryResponse:
    """One GPU with what was recently correlated about it."""
    return correlation_pb2.HealthQueryResponse(
        health=gpu_health(view),
        recent_correlations=[correlation_to_wire(event) for event in view.recent_correlations],
    )


def gpu_health(view: GpuHealthView) -> health_pb2.GpuHealth:
    """One GPU."""
    return health_pb2.GpuHealth(
        gpu=gpu_to_wire(view.gpu),
        state=state_number(view.state),
        reliability_score=view.reliability_score,
        alpha=view.alpha,
        beta=view.beta,
        last_probe_time=timestamp(view.last_probe_ns),
        last_anomaly_time=timestamp(view.last_anomaly_ns),
        probe_pass_count=view.probe_pass_count,
        probe_fail_count=view.probe_fail_count,
        anomaly_count=view.anomaly_count,
        state_changed_at=timestamp(view.state_changed_ns),
        state_change_reason=view.state_change_reason,
        sm_health=[_sm_health(sm, view.gpu) for sm in view.sm_health],
        anomaly_rate=view.anomaly_rate,
        probe_failure_rate=view.probe_failure_rate,
    )


def _sm_health(sm: SmHealthView, gpu: Gpu) -> health_pb2.SmHealth:
    return health_pb2.SmHealth(
        sm=common_pb2.SmIdentifier(gpu=gpu_to_wire(gpu), sm_id=sm.sm_id),
        reliability_score=sm.reliability_score,
        probe_pass_count=sm.probe_pass_count,
        probe_fail_count=sm.probe_fail_count,
        disabled=sm.disabled,
        disable_reason=sm.disable_reason,
    )


def fleet_response(view: FleetView) -> correlation_pb2.FleetHealthResponse:
    """The fleet."""
    return correlation_pb2.FleetHealthResponse(
        summary=_summary(view.summary),
        gpu_health=[gpu_health(gpu) for gpu in view.gpus],
        truncated=view.truncated,
        total_matching=view.total_matching,
    )


def _summary(summary: FleetSummary) -> health_pb2.FleetHealthSummary:
    return health_pb2.FleetHealthSummary(
        total_gpus=summary.total_gpus,
        healthy=summary.healthy,
        suspect=summary.suspect,
        quarantined=summary.quarantined,
        deep_test=summary.deep_test,
        condemned=summary.condemned,
        overall_sdc_rate=summary.overall_sdc_rate,
        average_reliability_score=summary.average_reliability_score,
        snapshot_time=timestamp(summary.snapshot_ns),
        active_agents=summary.active_agents,
        rate_window_seconds=summary.rate_window_s,
    )


def history_response(page: HistoryPage) -> correlation_pb2.GpuHistoryResponse:
    """A page of history."""
    return correlation_pb2.GpuHistoryResponse(
        state_transitions=[transition_to_wire(transition) for transition in page.transitions],
        correlations=[correlation_to_wire(event) for event in page.correlations],
        reliability_history=[_sample(sample) for sample in page.samples],
        next_page_token=page.next_page_token,
    )


def transition_to_wire(transition: StateTransition) -> correlation_pb2.StateTransition:
    """A change of a GPU's state."""
    return correlation_pb2.StateTransition(
        from_state=state_number(transition.from_state),
        to_state=state_number(transition.to_state),
        timestamp=timestamp(transition.time_ns),
        reason=transition.reason,
        initiated_by=transition.initiated_by,
    )


def _sample(sample: ReliabilitySample) -> correlation_pb2.ReliabilitySample:
    return correlation_pb2.ReliabilitySample(
        timestamp=timestamp(sample.time_ns), reliability_score=sample.score, alpha=sample.alpha, beta=sample.beta
    )


def correlation_to_wire(event: Correlation) -> correlation_pb2.CorrelationEvent:
    """Something that was seen together."""
    gpu = gpu_to_wire(event.gpu) if event.gpu else None
    sm = None if event.sm_id is None else common_pb2.SmIdentifier(gpu=gpu, sm_id=event.sm_id)
    return correlation_pb2.CorrelationEvent(
        event_id=event.event_id,
        events_correlated=event.events,
        pattern_type=correlation_pb2.PatternType.ValueType(event.pattern_type),
        confidence=event.confidence,
        attributed_gpu=gpu,
        attributed_sm=sm,
        description=event.description,
        timestamp=timestamp(event.time_ns),
        severity=common_pb2.Severity.ValueType(event.severity),
        recommended_action=event.recommended_action,
    )


def trust_to_wire(view: TrustView) -> trust_pb2.TrustGraphSnapshot:
    """Who agreed with whom."""
    return trust_pb2.TrustGraphSnapshot(
        edges=[_edge(edge) for edge in view.edges],
        timestamp=timestamp(view.snapshot_ns),
        coverage_pct=view.coverage_pct,
        total_gpus=view.total_gpus,
        min_trust_score=view.min_trust_score,
        mean_trust_score=view.mean_trust_score,
    )


def _edge(edge: TrustEdgeView) -> trust_pb2.TrustEdge:
    return trust_pb2.TrustEdge(
        gpu_a=gpu_to_wire(edge.gpu_a),
        gpu_b=gpu_to_wire(edge.gpu_b),
        agreement_count=edge.agreement_count,
        disagreement_count=edge.disagreement_count,
        last_comparison=timestamp(edge.last_comparison_ns),
        trust_score=edge.trust_score,
    )
