"""What the metric sources tell: Prometheus, exporters, Alertmanager and node-problem-detector."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from gcm_sentinel.domain.summaries.cluster import ConditionSummary


class SeriesStats(TypedDict):
    """The shape of one series over a range."""

    points: int
    first: float
    last: float
    minimum: float
    maximum: float
    mean: float
    delta: float
    """last - first, resets added back for counters."""
    resets: int
    constant: bool
    """The same to the last digit at every point."""
    first_at: str
    last_at: str
    ended_s_ago: float
    """Seconds between the last point and the end of the range; a dead series shows here."""
    changed_at: str | None
    """First change point of the value, None when constant."""
    last_changed_at: NotRequired[str | None]
    rate_per_min: float
    recent_rate_per_min: NotRequired[float]
    """Over the last tenth of the range: tells an old burst from a steady climb."""


class SeriesSummary(TypedDict):
    """One series of a query result."""

    labels: dict[str, str]
    value: float | None
    at: str | None
    stats: SeriesStats | None
    """None for an instant query."""


class PrometheusSummary(TypedDict):
    """`query_prometheus`."""

    result_type: str
    series: list[SeriesSummary]
    series_total: int
    warnings: list[str]


class GpuIdentity(TypedDict):
    """One GPU as metric labels name it."""

    index: int
    uuid: str | None
    pci: str | None
    model: str | None
    serial: NotRequired[str]
    """Where the exporter is told to put it on its series."""
    pod: NotRequired[str | None]
    """namespace/name of the pod that holds it, where the exporter maps it."""


class GpuMetric(TypedDict):
    """One metric over all GPUs of a node."""

    metric: str
    present: bool
    """False: not exported at all, which is not zero."""
    unit: str
    by_gpu: dict[str, SeriesStats]
    """GPU index as text -> stats over the window."""
    outliers: list[GpuOutlier]
    missing: list[int]
    """GPUs that have other series but not this one."""
    ended: list[int]
    """GPUs whose series ended before the window did."""


class GpuOutlier(TypedDict):
    """A GPU that differs from its peers on the node."""

    index: int
    value: float
    peers_median: float
    deviation: float
    """(value - median) / robust spread (1.4826 * MAD, at least 2 % of the median)."""


class GpuMetricsSummary(TypedDict):
    """`compare_gpu_metrics`: the node's GPUs side by side over a window."""

    node: str
    window_s: float
    gpus: list[GpuIdentity]
    metrics: list[GpuMetric]
    exporter_up: bool | None
    """Last value of `up` for the node's GPU exporter; None when there is no such series."""
    exporter_down_since: str | None
    overview: NotRequired[dict[str, str]]
    """All of the above in a line each (GPUs, then metrics), first in the object for readers with little room."""


class ExporterMetric(TypedDict):
    """One sample of a text endpoint."""

    name: str
    labels: dict[str, str]
    value: float


class ExporterSummary(TypedDict):
    """`query_dcgm_direct`, `query_node_exporter_direct`, `query_infiniband_direct`."""

    node: str
    endpoint: str
    samples: list[ExporterMetric]
    samples_total: int
    gpus: NotRequired[list[GpuIdentity]]
    driver_version: NotRequired[str | None]
    absent: NotRequired[list[str]]
    """Metrics worth having that this exporter does not export: not the same as zero."""
    overview: NotRequired[dict[str, str]]
    """GPUs, then their metrics, in a line each."""


class AlertSummary(TypedDict):
    """One alert."""

    name: str
    state: str
    severity: str
    labels: dict[str, str]
    description: str
    starts_at: str | None
    age_s: float | None


class AlertsSummary(TypedDict):
    """`query_alertmanager`."""

    node: str
    alerts: list[AlertSummary]
    alerts_total: int
    elsewhere: dict[str, int]
    """Alert name -> how many other nodes carry it."""


class ProblemMetric(TypedDict):
    """One node-problem-detector series."""

    metric: str
    type: str
    reason: str
    value: float


class GcmHealthSummary(TypedDict):
    """`get_gcm_health`."""

    node: str
    problem_metrics: list[ProblemMetric]
    metrics_status: str
    """ok, no_data, error: whether NPD metrics could be read at all."""
    conditions: list[ConditionSummary]
