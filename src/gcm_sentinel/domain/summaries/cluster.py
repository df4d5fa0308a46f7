"""What the Kubernetes sources tell: nodes, events, pods, workloads, DaemonSets and topology."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


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
