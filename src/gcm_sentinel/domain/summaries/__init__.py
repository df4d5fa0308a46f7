"""The shapes of typed summaries: the contract between data sources, models and findings.

A data source fills one of these as `ToolResult.summary`; an LLM reads it as JSON; the playbook's findings read it by
these types. Times are ISO-8601 UTC strings, ages and durations seconds, unless the name says otherwise. Lists are
capped by their source; where that happened a ``…_total`` beside it tells the whole count. A key that could not be
filled is absent or None, never a made-up zero.
"""

from __future__ import annotations

from gcm_sentinel.domain.summaries.cluster import (
    ChangeSummary,
    ConditionCount,
    ConditionSummary,
    ContainerSummary,
    DaemonSetsSummary,
    DaemonSetSummary,
    EventSummary,
    GpuCountSummary,
    LogPattern,
    MaintenanceSummary,
    NodeEventsSummary,
    NodeInfoSummary,
    ParsedMessage,
    PeerProblem,
    PodLogsSummary,
    PodLogSummary,
    PodSummary,
    TaintSummary,
    TopologyGroup,
    TopologySummary,
    WorkloadGroup,
    WorkloadInfoSummary,
)
from gcm_sentinel.domain.summaries.history import (
    FaultOnPartSummary,
    HistorySummary,
    PartSummary,
    PastIncidentSummary,
)
from gcm_sentinel.domain.summaries.knowledge import (
    KnowledgeEntry,
    KnowledgeSummary,
)
from gcm_sentinel.domain.summaries.logs import (
    BootSummary,
    BurstSummary,
    KernelLogSummary,
    KernelRecord,
    ServiceLogSummary,
    XidSummary,
)
from gcm_sentinel.domain.summaries.metrics import (
    AlertsSummary,
    AlertSummary,
    ExporterMetric,
    ExporterSummary,
    GcmHealthSummary,
    GpuIdentity,
    GpuMetric,
    GpuMetricsSummary,
    GpuOutlier,
    ProblemMetric,
    PrometheusSummary,
    SeriesStats,
    SeriesSummary,
)

__all__ = [
    "AlertSummary",
    "AlertsSummary",
    "BootSummary",
    "BurstSummary",
    "ChangeSummary",
    "ConditionCount",
    "ConditionSummary",
    "ContainerSummary",
    "DaemonSetSummary",
    "DaemonSetsSummary",
    "EventSummary",
    "ExporterMetric",
    "ExporterSummary",
    "FaultOnPartSummary",
    "GcmHealthSummary",
    "GpuCountSummary",
    "GpuIdentity",
    "GpuMetric",
    "GpuMetricsSummary",
    "GpuOutlier",
    "HistorySummary",
    "KernelLogSummary",
    "KernelRecord",
    "KnowledgeEntry",
    "KnowledgeSummary",
    "LogPattern",
    "MaintenanceSummary",
    "NodeEventsSummary",
    "NodeInfoSummary",
    "ParsedMessage",
    "PartSummary",
    "PastIncidentSummary",
    "PeerProblem",
    "PodLogSummary",
    "PodLogsSummary",
    "PodSummary",
    "ProblemMetric",
    "PrometheusSummary",
    "SeriesStats",
    "SeriesSummary",
    "ServiceLogSummary",
    "TaintSummary",
    "TopologyGroup",
    "TopologySummary",
    "WorkloadGroup",
    "WorkloadInfoSummary",
    "XidSummary",
]
