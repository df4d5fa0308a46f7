"""The health of GPUs, SMs and the fleet, and what correlation found."""

from __future__ import annotations

from sentinel.v1 import correlation_pb2, health_pb2
from sentinel_sdk.types.common import GpuIdentifier, SmIdentifier
from sentinel_sdk.types.enums import GpuHealthState, PatternType, Severity
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.timestamps import UtcDatetime


class SmHealth(Message):
    """The health of one streaming multiprocessor."""

    wire = health_pb2.SmHealth
    sm: SmIdentifier | None = None
    reliability_score: float = 0.0
    probe_pass_count: int = 0
    probe_fail_count: int = 0
    disabled: bool = False
    disable_reason: str = ""


class GpuHealth(Message):
    """The health of one GPU; `reliability_score` is alpha / (alpha + beta), the two rates are per hour."""

    wire = health_pb2.GpuHealth
    gpu: GpuIdentifier | None = None
    state: GpuHealthState = GpuHealthState.UNSPECIFIED
    reliability_score: float = 0.0
    alpha: float = 0.0
    beta: float = 0.0
    last_probe_time: UtcDatetime | None = None
    last_anomaly_time: UtcDatetime | None = None
    probe_pass_count: int = 0
    probe_fail_count: int = 0
    anomaly_count: int = 0
    state_changed_at: UtcDatetime | None = None
    state_change_reason: str = ""
    sm_health: list[SmHealth] = []
    anomaly_rate: float = 0.0
    probe_failure_rate: float = 0.0


class FleetHealthSummary(Message):
    """How many GPUs stand where; `overall_sdc_rate` is events per GPU-hour over `rate_window_seconds`."""

    wire = health_pb2.FleetHealthSummary
    total_gpus: int = 0
    healthy: int = 0
    suspect: int = 0
    quarantined: int = 0
    deep_test: int = 0
    condemned: int = 0
    overall_sdc_rate: float = 0.0
    average_reliability_score: float = 0.0
    snapshot_time: UtcDatetime | None = None
    active_agents: int = 0
    rate_window_seconds: int = 0


class CorrelationEvent(Message):
    """Several events that belong together, and what they point at."""

    wire = correlation_pb2.CorrelationEvent
    event_id: str = ""
    events_correlated: list[str] = []
    pattern_type: PatternType = PatternType.UNSPECIFIED
    confidence: float = 0.0
    attributed_gpu: GpuIdentifier | None = None
    attributed_sm: SmIdentifier | None = None
    description: str = ""
    timestamp: UtcDatetime | None = None
    severity: Severity = Severity.UNSPECIFIED
    recommended_action: str = ""


class GpuHealthDetail(Message):
    """A GPU's health with the correlations that lately pointed at it."""

    wire = correlation_pb2.HealthQueryResponse
    health: GpuHealth | None = None
    recent_correlations: list[CorrelationEvent] = []


class FleetHealth(Message):
    """The fleet's summary and its GPUs, worst first; `truncated` says that `total_matching` is more than are listed."""

    wire = correlation_pb2.FleetHealthResponse
    summary: FleetHealthSummary | None = None
    gpu_health: list[GpuHealth] = []
    truncated: bool = False
    total_matching: int = 0


class StateTransition(Message):
    """One change of a GPU's state."""

    wire = correlation_pb2.StateTransition
    from_state: GpuHealthState = GpuHealthState.UNSPECIFIED
    to_state: GpuHealthState = GpuHealthState.UNSPECIFIED
    timestamp: UtcDatetime | None = None
    reason: str = ""
    initiated_by: str = ""


class ReliabilitySample(Message):
    """A GPU's reliability score at one moment."""

    wire = correlation_pb2.ReliabilitySample
    timestamp: UtcDatetime | None = None
    reliability_score: float = 0.0
    alpha: float = 0.0
    beta: float = 0.0


class GpuHistoryResponse(Message):
    """A page of what happened to a GPU; `next_page_token` is empty on the last."""

    wire = correlation_pb2.GpuHistoryResponse
    state_transitions: list[StateTransition] = []
    correlations: list[CorrelationEvent] = []
    reliability_history: list[ReliabilitySample] = []
    next_page_token: str = ""
