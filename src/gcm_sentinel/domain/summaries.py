"""The shapes of typed summaries: the contract between data sources, models and findings.

A data source fills one of these as `ToolResult.summary`; an LLM reads it as JSON; the playbook's findings read it by
these types. Times are ISO-8601 UTC strings, ages and durations seconds, unless the name says otherwise. Lists are
capped by their source; where that happened a ``…_total`` beside it tells the whole count. A key that could not be
filled is absent or None, never a made-up zero.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

# ---------------------------------------------------------------- kubernetes


class ParsedMessage(TypedDict):
    """What a condition's message says once its wrapping is taken off (see domain/condition_message.py)."""

    text: str
    truncated: bool
    """The message was cut (a JSON record at 256 bytes)."""
    contradicts: bool
    """An OK line on a bad condition: the message speaks of another check."""
    check_failed_to_run: bool
    """The check could not run; the condition says nothing about the hardware."""
    xids: list[int]
    health_check: NotRequired[str]
    """Name of the GCM check inside a JSON record."""
    result: NotRequired[int]
    """Result inside a JSON record: 0 ok, 1 warning, 2 critical, 3 unknown."""


class ConditionSummary(TypedDict):
    """One node condition."""

    type: str
    status: str
    state: Literal["problem", "unknown", "ok", "unlisted"]
    """By polarity; `unlisted` types are not assumed to be bad."""
    reason: str
    message: str
    parsed: ParsedMessage
    last_transition_at: str | None
    age_s: float | None
    """Since the last transition."""
    heartbeat_age_s: float | None
    before_boot: NotRequired[bool]
    """The condition's last transition is older than the node's present boot."""


class TaintSummary(TypedDict):
    """One taint and who set it."""

    key: str
    value: str
    effect: str
    added_at: str | None
    owner: str | None


class ChangeSummary(TypedDict):
    """One entry of managedFields: who last wrote which fields, and when."""

    manager: str
    operation: str
    at: str | None
    subresource: str
    fields: list[str]


class GpuCountSummary(TypedDict):
    """GPU resources of a node."""

    resource: str
    capacity: int
    allocatable: int


class NodeInfoSummary(TypedDict):
    """`get_node_info`."""

    name: str
    uid: str
    created_at: str | None
    ready: str
    unschedulable: bool
    cordoned_by: str | None
    """Field manager that set spec.unschedulable, as far as managedFields tell."""
    cordoned_at: str | None
    conditions: list[ConditionSummary]
    taints: list[TaintSummary]
    gpus: list[GpuCountSummary]
    labels: dict[str, str]
    annotations: dict[str, str]
    annotation_owners: dict[str, str]
    """Annotation key -> field manager that wrote it."""
    owner: str | None
    """Who holds the node: ``nvsentinel:<state>``, ``person:<manager>``, ``controller:<manager>``, or ``unknown``
    for a cordon without a known writer; None when nobody does."""
    maintenance: list[MaintenanceSummary]
    kernel: str
    kubelet: str
    os_image: str
    boot_id: str
    driver_version: str | None
    pods_total: int | None
    """Pods bound to the node; None when they could not be listed."""
    changes: list[ChangeSummary]
    booted_at: NotRequired[str | None]
    """Start of the present boot; absent when it is not known."""


class MaintenanceSummary(TypedDict):
    """An announced piece of work found in a node's annotations or labels."""

    key: str
    value: str
    set_by: str | None
    starts_at: str | None
    ends_at: str | None
    state: Literal["upcoming", "active", "over", "undated"]
    trusted: bool
    """False when a workload's service account or an unknown manager wrote it."""


class EventSummary(TypedDict):
    """One Kubernetes Event, newest first."""

    type: str
    reason: str
    message: str
    about: str
    """``Node/name`` or ``Pod/namespace/name``."""
    source: str
    count: int
    first_at: str | None
    last_at: str | None


class NodeEventsSummary(TypedDict):
    """`get_node_events`."""

    node: str
    events: list[EventSummary]
    events_total: int
    by_reason: dict[str, int]


class ContainerSummary(TypedDict):
    """One container's state."""

    name: str
    image: str
    ready: bool
    restarts: int
    state: str
    """running, waiting or terminated."""
    reason: str
    exit_code: int | None
    last_reason: str
    last_exit_code: int | None
    last_finished_at: str | None


class PodSummary(TypedDict):
    """One pod."""

    namespace: str
    name: str
    node: str | None
    phase: str
    reason: str
    message: str
    owner: str | None
    """``Kind/name`` of the top-level owner as far as it can be followed."""
    gpus: int
    created_at: str | None
    started_at: str | None
    finished_at: str | None
    containers: list[ContainerSummary]
    gpu_devices: NotRequired[list[str]]
    """UUIDs or indices the pod holds or held, where metrics or annotations tell."""


class WorkloadGroup(TypedDict):
    """One top-level workload (Job, PyTorchJob, ...) with pods on the node, and its gang."""

    owner: str
    namespace: str
    pods_on_node: list[str]
    pods_total: int
    nodes: list[str]
    """All nodes with pods of this workload, failed and finished ones included."""
    phases: dict[str, int]
    failed: int
    started_at: str | None


class WorkloadInfoSummary(TypedDict):
    """`get_workload_info`: GPU pods of the node, their owners and gangs."""

    node: str
    pods: list[PodSummary]
    groups: list[WorkloadGroup]
    gpus_requested: int
    running: int
    failed: int
    pending_gpu_pods: list[PodSummary]
    """Pods of the cluster that wait for a GPU, with the scheduler's message."""
    pods_total: NotRequired[int]
    groups_total: NotRequired[int]
    pending_total: NotRequired[int | None]
    """None when pods of the whole cluster could not be listed."""


class LogPattern(TypedDict):
    """One recognised kind of line in a workload's or service's log."""

    kind: str
    """cuda_illegal_access, cuda_ecc, cuda_launch_failure, cuda_not_initialized, cuda_oom, host_oom, nccl_timeout,
    nccl_net_error, nvml_unknown_error, traceback, xid_text, instruction_text, x509_expired, version_mismatch,
    other_error"""
    count: int
    first_at: str | None
    last_at: str | None
    example: str


class PodLogSummary(TypedDict):
    """One container's log."""

    pod: str
    container: str
    previous: bool
    status: str
    """ok, no_data, error."""
    note: str
    lines: int
    patterns: list[LogPattern]
    tail: list[str]


class PodLogsSummary(TypedDict):
    """`get_pod_logs` and `get_workload_logs`."""

    node: str
    logs: list[PodLogSummary]
    pods_matched: int
    pods_shown: int


class DaemonSetSummary(TypedDict):
    """One DaemonSet's rollout."""

    namespace: str
    name: str
    desired: int
    ready: int
    unavailable: int
    updated: int
    image: str
    pod_on_node: PodSummary | None
    waiting_reasons: dict[str, int]
    """CrashLoopBackOff, ImagePullBackOff ... over all its pods."""
    template_changed_by: NotRequired[str]
    """Field manager that last wrote the pod template."""
    template_changed_at: NotRequired[str | None]
    """Not later than this."""


class DaemonSetsSummary(TypedDict):
    """`get_daemonsets`: the GPU operator's and monitoring DaemonSets."""

    node: str
    daemonsets: list[DaemonSetSummary]


# ---------------------------------------------------------------- topology


class PeerProblem(TypedDict):
    """A node with bad conditions, seen from another one."""

    node: str
    conditions: list[str]
    since: str | None
    """Earliest transition of those conditions."""


class TopologyGroup(TypedDict):
    """The nodes that share one topology key with the node."""

    key: str
    """rack, power_feed, leaf_switch, nvlink_domain, driver_version, instance_type, rollout, zone."""
    value: str
    size: int
    with_problems: list[PeerProblem]
    """Members with a bad condition of the incident's family, the node itself included; newest first."""
    with_problems_total: NotRequired[int]


class ConditionCount(TypedDict):
    """How widespread one condition is."""

    type: str
    count: int
    nodes: list[str]
    first_at: str | None
    last_at: str | None


class TopologySummary(TypedDict):
    """`get_topology`."""

    node: str
    labels: dict[str, str]
    groups: list[TopologyGroup]
    fleet_nodes: int
    fleet_unschedulable: int
    nodes_with_problems: int
    """Nodes with a bad condition of the incident's family."""
    by_condition: list[ConditionCount]
    """Every bad condition of the fleet, whatever its family."""


# ---------------------------------------------------------------- prometheus and exporters


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


# ---------------------------------------------------------------- kernel and service logs


class XidSummary(TypedDict):
    """All records of one Xid on one GPU in one boot."""

    xid: int
    name: str
    """Mnemonic from the knowledge base, ``unknown`` for one it does not know."""
    kind: str
    """application, driver, hardware, memory, nvlink, bus, thermal, follower, informational, test, unknown."""
    pci: str
    boot: int
    """0 is the present boot, -1 the one before."""
    count: int
    first_at: str
    last_at: str
    burst: int
    """Number of the burst its first record belongs to."""
    lead: bool
    """The first hardware-class record of its burst (followers such as 45 never lead when another Xid is there)."""
    pids: list[int]
    processes: list[str]
    places: list[str]
    """Distinct locations in the text: ``GPC 1 TPC 3``, ``link 9``, ``bank …``."""
    example: str
    """The first line, whole."""
    decoded: NotRequired[list[str]]
    """Xid 74: what each set bit of its register words says."""


class BurstSummary(TypedDict):
    """Records of one node with no more than three minutes of silence between them."""

    number: int
    boot: int
    started_at: str
    ended_at: str
    lead_xid: int | None
    lead_pci: str | None
    xids: list[int]
    pcis: list[str]


class BootSummary(TypedDict):
    """One boot found in the log."""

    number: int
    started_at: str | None
    ended_at: str | None
    clean: bool | None
    """Whether the log shows an orderly shutdown at its end; None when it cannot be told."""


class KernelRecord(TypedDict):
    """A recognised kernel line that is not an Xid, aggregated."""

    kind: str
    """aer_corrected, aer_uncorrectable, pcie_link_down, off_bus_banner, rm_init_failed, probe_failed,
    module_signature, gsp_rate_limit, recovery_action, sxid_fatal, sxid_nonfatal, mce, edac_ue, edac_ce, panic,
    soft_lockup, hung_task, nfs_not_responding, oom_kill, mlx5_power, mlx5_access_reg, mlx5_link_down, mlx5_cable,
    link_down, thermal, io_error, segfault, other"""
    device: str
    """PCI address, interface, process or server; empty when none."""
    code: str
    """SXid number, recovery action text, or empty."""
    boot: int
    count: int
    first_at: str
    last_at: str
    example: str


class KernelLogSummary(TypedDict):
    """`read_kernel_log`."""

    node: str
    transport: str
    """Where it came from: ``kubelet:kern.log``, ``loki``, ``node-agent``."""
    lines_total: int
    lines_matched: int
    covers_from: str | None
    covers_to: str | None
    boots: list[BootSummary]
    xids: list[XidSummary]
    bursts: list[BurstSummary]
    records: list[KernelRecord]
    recovery_action: str | None
    """The last action Xid 154 announced in the present boot."""
    overview: NotRequired[dict[str, str]]
    """The latest bursts and the other records in a line each, latest first."""
    xids_total: NotRequired[int]
    bursts_total: NotRequired[int]
    records_total: NotRequired[int]


class ServiceLogSummary(TypedDict):
    """`read_service_log`."""

    node: str
    unit: str
    lines_total: int
    patterns: list[LogPattern]
    tail: list[str]
    covers_from: str | None
    covers_to: str | None


# ---------------------------------------------------------------- knowledge


class KnowledgeEntry(TypedDict):
    """One row of the knowledge base."""

    kind: str
    key: str
    name: str
    meaning: str
    immediate: str
    """What to do at once, in the catalogue's words."""
    recurring: str
    """What to do when it comes back."""
    notes: str
    source: str


class KnowledgeSummary(TypedDict):
    """`lookup_knowledge`."""

    kind: str
    entries: list[KnowledgeEntry]
    missing: list[str]
