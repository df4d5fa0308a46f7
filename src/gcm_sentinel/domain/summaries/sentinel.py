"""What a SENTINEL gateway tells of silent data corruption: health per SM, cohorts, history, patterns, trust."""

from __future__ import annotations

from typing import Literal, TypedDict

from gcm_sentinel.domain.summaries.metrics import SeriesStats

Localisation = Literal["none", "single_failure", "one_sm", "several_sms", "not_told"]
"""Where a GPU's failed probes stand: a single one proves little; `not_told` where the failures bear no SM."""

Spread = Literal["none", "one_gpu", "one_node", "one_cohort", "everybody", "scattered", "not_told"]
"""Whose exact probes fail; `not_told` where the fleet was cut and shares would be wrong."""


class SmSummary(TypedDict):
    """One SM."""

    sm: int
    passed: int
    failed: int
    share: float
    """Its part of the GPU's failed probes, 0 to 1."""
    reliability: float | None
    """None where the gateway told no number."""
    disabled: bool
    disable_reason: str


class SentinelGpuSummary(TypedDict):
    """One GPU."""

    uuid: str
    node: str
    index: int | None
    """None where no reporter gave one that can be believed."""
    model: str
    driver_version: str
    firmware_version: str
    state: str
    since: str | None
    state_age_s: float | None
    why: str
    reliability: float | None
    probes_passed: int
    probes_failed: int
    """Exact probes with a wrong result, over the GPU's life; errors and timeouts are none."""
    failed_share: float | None
    failures_per_hour: float | None
    """Over the gateway's rolling window: 0 with earlier failures means that they stopped."""
    anomalies: int
    anomalies_per_hour: float | None
    last_probe_at: str | None
    last_probe_age_s: float | None
    last_anomaly_at: str | None
    sms_told: int
    sms_failing: int
    sms_disabled: int
    localisation: Localisation
    worst_sm: int | None
    worst_sm_share: float | None
    """Part of the failed probes that stands on one SM, 0 to 1."""
    failing_sms: list[SmSummary]
    """Those with failures, the most first, capped at `sms_failing`'s worst 20."""


class SentinelGpuHealthSummary(TypedDict):
    """`get_sentinel_gpu_health`."""

    node: str | None
    """None where one GPU was asked for by UUID."""
    gpus: list[SentinelGpuSummary]
    """The worst first."""
    gpus_total: int
    by_state: dict[str, int]
    cut: bool
    """The gateway told only a part of what matches, the worst first."""


class CohortSummary(TypedDict):
    """GPUs that share something."""

    name: str
    """Model, driver version, firmware version, or node."""
    gpus: int
    failing: int
    """With a failed exact probe, ever."""
    failing_now: int
    """With one in the gateway's rolling window."""
    failing_share: float
    anomalous: int
    """With anomalies and no failed probe."""
    out: int
    """Quarantined, in deep test or condemned."""
    nodes: int
    nodes_failing: int
    probes_passed: int
    probes_failed: int


class SentinelComparisonSummary(TypedDict):
    """`compare_sentinel_gpus`."""

    node: str
    node_gpus: list[SentinelGpuSummary]
    node_cohort: CohortSummary | None
    """None where the gateway knows no GPU of this node."""
    fleet: CohortSummary
    by_model: list[CohortSummary]
    by_driver: list[CohortSummary]
    by_firmware: list[CohortSummary]
    """Cohorts, the one with the highest failing share first."""
    spread: Spread
    apart: list[str]
    """For `one_cohort`: what sets the failing GPUs apart, as ``firmware_version=…``."""
    failing: list[SentinelGpuSummary]
    """GPUs with failed probes anywhere, the most first."""
    failing_total: int
    sdc_rate: float | None
    """Events per GPU-hour, by the gateway."""
    gpus_told: int
    gpus_total: int
    cut: bool


class TransitionSummary(TypedDict):
    """One change of state."""

    before: str
    after: str
    at: str | None
    reason: str
    by: str


class PatternSummary(TypedDict):
    """Events the gateway correlated."""

    id: str
    kind: str
    confidence: float | None
    at: str | None
    gpu: str | None
    node: str | None
    sm: int | None
    severity: str
    description: str
    recommended: str
    events: list[str]
    events_total: int


class SentinelHistorySummary(TypedDict):
    """`get_sentinel_history`."""

    uuid: str
    since: str
    until: str
    transitions: list[TransitionSummary]
    """Newest first."""
    transitions_total: int
    times_in: dict[str, int]
    """How often each state was entered."""
    patterns_by_kind: dict[str, int]
    patterns: list[PatternSummary]
    """Newest first."""
    patterns_total: int
    reliability: SeriesStats | None
    """Shape of the score over the window; None without samples."""
    cut: bool


class SentinelCorrelationsSummary(TypedDict):
    """`get_sentinel_correlations`."""

    gpus: list[str]
    """UUIDs that were asked about."""
    since: str
    patterns: list[PatternSummary]
    """The most confident first, then the newest."""
    patterns_total: int
    by_kind: dict[str, int]
    by_gpu: dict[str, int]
    sms: list[int]
    """SMs that patterns point at."""
    cut: bool


class TrustEdgeSummary(TypedDict):
    """Two GPUs that computed the same canary."""

    gpu: str
    """The GPU of the node asked about; of two, the first."""
    driver: str
    """Empty where it is not known, as of the other."""
    other: str
    other_node: str
    other_driver: str
    agreed: int
    disagreed: int
    trust: float | None
    last_at: str | None


class TrustGpuSummary(TypedDict):
    """One GPU over all its pairs."""

    uuid: str
    node: str
    partners: int
    agreed: int
    disagreed: int
    trust: float | None
    partners_disagreeing: int
    """With several partners it is this GPU that dissents; with one, either may be wrong."""


class SentinelTrustSummary(TypedDict):
    """`get_sentinel_trust_graph`."""

    node: str
    gpus: list[TrustGpuSummary]
    """GPUs of the node, the least trusted first."""
    edges: list[TrustEdgeSummary]
    """Their pairs, the least trusted first."""
    edges_total: int
    low_pairs: list[TrustEdgeSummary]
    """Pairs anywhere that disagreed, the least trusted first."""
    low_pairs_total: int
    coverage_pct: float | None
    graph_gpus: int
    graph_edges: int
    mean_trust: float | None
