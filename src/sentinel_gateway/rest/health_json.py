"""GPU health, fleet, history and trust as JSON: the names of the proto fields, enum names without their prefix."""

from __future__ import annotations

from sentinel.v1 import common_pb2, correlation_pb2
from sentinel_gateway.domain.deep_tests import DeepTest
from sentinel_gateway.domain.fleet import FleetSummary, FleetView, GpuHealthView, SmHealthView
from sentinel_gateway.domain.history import Correlation, HistoryPage, ReliabilitySample, StateTransition
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.trust import TrustEdgeView, TrustView
from sentinel_gateway.rest.answers import Json, number
from sentinel_gateway.rest.queries import rfc3339

_PATTERN_PREFIX = "PATTERN_TYPE_"


def gpu_json(gpu: Gpu) -> Json:
    """Which GPU."""
    return {
        "uuid": gpu.uuid,
        "hostname": gpu.hostname,
        "device_index": gpu.device_index,
        "model": gpu.model,
        "driver_version": gpu.driver_version,
        "firmware_version": gpu.firmware_version,
    }


def health_json(view: GpuHealthView) -> dict[str, Json]:
    """How one GPU is."""
    return {
        "gpu": gpu_json(view.gpu),
        "state": view.state.name,
        "reliability_score": number(view.reliability_score),
        "alpha": number(view.alpha),
        "beta": number(view.beta),
        "last_probe_time": rfc3339(view.last_probe_ns),
        "last_anomaly_time": rfc3339(view.last_anomaly_ns),
        "probe_pass_count": view.probe_pass_count,
        "probe_fail_count": view.probe_fail_count,
        "anomaly_count": view.anomaly_count,
        "state_changed_at": rfc3339(view.state_changed_ns),
        "state_change_reason": view.state_change_reason,
        "sm_health": [_sm(sm) for sm in view.sm_health],
        "anomaly_rate": number(view.anomaly_rate),
        "probe_failure_rate": number(view.probe_failure_rate),
        "deep_test": _deep_test(view.deep_test) if view.deep_test else None,
    }


def _deep_test(test: DeepTest) -> Json:
    return {
        "began_at": rfc3339(test.began_ns),
        "outcome": test.outcome.name,
        "share_done": number(test.share_done),
        "blamed_sm": test.blamed_sm,
        "blamed_sm_passes_needed": test.blamed_needs,
        "other_sm_passes_needed": test.others_need,
        "failures": test.failures,
        "failed_sm": test.failed_sm,
    }


def _sm(sm: SmHealthView) -> Json:
    return {
        "sm_id": sm.sm_id,
        "reliability_score": number(sm.reliability_score),
        "probe_pass_count": sm.probe_pass_count,
        "probe_fail_count": sm.probe_fail_count,
        "disabled": sm.disabled,
        "disable_reason": sm.disable_reason,
    }


def gpu_answer(view: GpuHealthView) -> Json:
    """GET /api/v1/gpu/{uuid}."""
    return {
        "health": health_json(view),
        "recent_correlations": [_correlation(event) for event in view.recent_correlations],
    }


def fleet_answer(view: FleetView) -> Json:
    """GET /api/v1/fleet."""
    return {
        "summary": _summary(view.summary),
        "gpu_health": [health_json(gpu) for gpu in view.gpus],
        "truncated": view.truncated,
        "total_matching": view.total_matching,
    }


def _summary(summary: FleetSummary) -> Json:
    return {
        "total_gpus": summary.total_gpus,
        "healthy": summary.healthy,
        "suspect": summary.suspect,
        "quarantined": summary.quarantined,
        "deep_test": summary.deep_test,
        "condemned": summary.condemned,
        "overall_sdc_rate": number(summary.overall_sdc_rate),
        "average_reliability_score": number(summary.average_reliability_score),
        "snapshot_time": rfc3339(summary.snapshot_ns),
        "active_agents": summary.active_agents,
        "rate_window_seconds": summary.rate_window_s,
    }


def history_answer(page: HistoryPage) -> Json:
    """GET /api/v1/gpu/{uuid}/history."""
    return {
        "state_transitions": [_transition(transition) for transition in page.transitions],
        "correlations": [_correlation(event) for event in page.correlations],
        "reliability_history": [_sample(sample) for sample in page.samples],
        "next_page_token": page.next_page_token,
    }


def _transition(transition: StateTransition) -> Json:
    return {
        "from_state": transition.from_state.name,
        "to_state": transition.to_state.name,
        "timestamp": rfc3339(transition.time_ns),
        "reason": transition.reason,
        "initiated_by": transition.initiated_by,
    }


def _sample(sample: ReliabilitySample) -> Json:
    return {
        "timestamp": rfc3339(sample.time_ns),
        "reliability_score": number(sample.score),
        "alpha": number(sample.alpha),
        "beta": number(sample.beta),
    }


def _correlation(event: Correlation) -> Json:
    return {
        "event_id": event.event_id,
        "events_correlated": list(event.events),
        "pattern_type": _pattern(event.pattern_type),
        "confidence": number(event.confidence),
        "attributed_gpu": gpu_json(event.gpu) if event.gpu else None,
        "attributed_sm": event.sm_id,
        "description": event.description,
        "timestamp": rfc3339(event.time_ns),
        "severity": _severity(event.severity),
        "recommended_action": event.recommended_action,
    }


def _pattern(value: int) -> str:
    names = {each.number: each.name for each in correlation_pb2.PatternType.DESCRIPTOR.values}
    return names.get(value, str(value)).removeprefix(_PATTERN_PREFIX)


def _severity(value: int) -> str:
    names = {each.number: each.name for each in common_pb2.Severity.DESCRIPTOR.values}
    return names.get(value, str(value)).removeprefix("SEVERITY_")


def trust_answer(view: TrustView) -> Json:
    """GET /api/v1/trust."""
    return {
        "edges": [_edge(edge) for edge in view.edges],
        "timestamp": rfc3339(view.snapshot_ns),
        "coverage_pct": number(view.coverage_pct),
        "total_gpus": view.total_gpus,
        "min_trust_score": number(view.min_trust_score),
        "mean_trust_score": number(view.mean_trust_score),
    }


def _edge(edge: TrustEdgeView) -> Json:
    return {
        "gpu_a": gpu_json(edge.gpu_a),
        "gpu_b": gpu_json(edge.gpu_b),
        "agreement_count": edge.agreement_count,
        "disagreement_count": edge.disagreement_count,
        "last_comparison": rfc3339(edge.last_comparison_ns),
        "trust_score": number(edge.trust_score),
    }
