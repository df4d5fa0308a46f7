"""What happened to a fleet: one model per kind of fact, after names and durations have been resolved.

The scenario loader validates the file's entries against these models and passes what is known about the world (node
names, workloads, GPU count) as validation context, so that a misspelt node is an error at its own place in the file.
Everything that builds the world reads these values and no raw data. Times are seconds relative to T0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from sentinel_fleet.baseline.fleet import Seconds

FaultMode = Literal["refuse", "403", "503", "timeout", "empty"]
SourceName = Literal[
    "prometheus", "alertmanager", "dcgm", "node_exporter", "kernel_log", "pod_logs", "kubernetes", "node_agent",
]  # fmt: skip
SCENARIO_MANAGER = "kubectl-edit"


@dataclass(frozen=True, slots=True)
class Known:
    """What facts may refer to; given to the models as validation context."""

    nodes: Collection[str]
    gpus_per_node: int
    nics_per_node: int
    workloads: Collection[str]
    pods: Collection[tuple[str, str]]
    """(namespace, name) of pods of workloads, DaemonSets that were drawn, and pod facts."""
    daemonsets: Collection[str]


def _check(test: Callable[[Known, Any], bool], problem: str) -> AfterValidator:
    def validate(value: object, info: ValidationInfo) -> object:
        known = info.context
        if isinstance(known, Known) and not test(known, value):
            raise ValueError(problem)
        return value

    return AfterValidator(validate)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value


NodeName = Annotated[str, _check(lambda known, name: name in known.nodes, "no node of this fleet; draw one")]
Nodes = Annotated[list[NodeName], BeforeValidator(_as_list), Field(min_length=1)]
GpuIndex = Annotated[
    int, _check(lambda known, index: 0 <= index < known.gpus_per_node, "no GPU index of this fleet's nodes")
]
Gpus = Annotated[list[GpuIndex], BeforeValidator(_as_list), Field(min_length=1)]
NicName = Annotated[
    str,
    _check(
        lambda known, name: name in {f"mlx5_{i}" for i in range(known.nics_per_node)},
        "no NIC of this fleet's nodes; expected mlx5_0 and up",
    ),
]
Nics = Annotated[list[NicName], BeforeValidator(_as_list), Field(min_length=1)]
WorkloadName = Annotated[
    str, _check(lambda known, name: name in known.workloads, "no workload of this world; draw one with `workload`")
]
DaemonSetName = Annotated[
    str, _check(lambda known, name: name in known.daemonsets, "no DaemonSet of this fleet; the README lists them")
]
Text = Annotated[str, Field(min_length=1)]
Lines = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]
Labels = dict[str, str]


class Fact(BaseModel):
    """What all facts share."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    kind: ClassVar[str]

    at: Seconds = 0.0
    jitter: Seconds = Field(0.0, ge=0.0)


class Repeated(Fact):
    """Lines of a log, possibly many times over."""

    lines: Lines
    repeat: int = Field(1, ge=1, le=200_000)
    over: Seconds = Field(0.0, ge=0.0)


class KernelFact(Repeated):
    """Lines of the kernel log."""

    kind = "kernel"
    node: Nodes
    boot: Literal[0, -1] = 0


class BootFact(Fact):
    """The node booted; before that it was down."""

    kind = "boot"
    node: Nodes
    clean: bool
    down: Seconds = Field(180.0, ge=0.0)


class ServiceFact(Fact):
    """Journal lines of a systemd unit, and its state from then on."""

    kind = "service"
    node: Nodes
    unit: Text
    lines: Annotated[list[str], BeforeValidator(_as_list)] = []
    state: Literal["active", "failed", "inactive"] | None = None


class ConditionFact(Fact):
    """A node condition takes a value."""

    kind = "condition"
    node: Nodes
    type: Text
    status: Literal["True", "False", "Unknown"]
    reason: Text
    message: str = ""
    heartbeat: Seconds | None = None
    reporter: str | None = None


class MetricFact(Fact):
    """A series departs from its normal course."""

    kind = "metric"
    at: Seconds = float("-inf")
    name: Text
    node: Nodes
    gpu: Gpus | None = None
    nic: Nics | None = None
    labels: Labels = {}
    until: Seconds = float("inf")
    noise: float | None = Field(None, ge=0.0)
    set: float | None = None
    add: float | None = None
    scale: float | None = None
    ramp: Ramp | None = None
    rate_per_min: float | None = Field(None, ge=0.0)
    steps: list[Step] | None = None
    saw: Saw | None = None
    freeze: Literal[True] | None = None
    stop: Literal[True] | None = None

    EFFECTS: ClassVar[tuple[str, ...]] = (
        "set", "add", "scale", "ramp", "rate_per_min", "steps", "saw", "freeze", "stop",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_effect(self) -> MetricFact:
        if len(self.effects()) != 1:
            raise ValueError(f"expected exactly one of {', '.join(self.EFFECTS)}")
        if self.effects()[0] in {"ramp", "rate_per_min", "freeze"} and self.at == float("-inf"):
            raise ValueError(f"{self.effects()[0]} needs `at`: when it begins")
        if "*" in self.name and not self.stop and not self.freeze:
            raise ValueError("a pattern may only be stopped or frozen")
        return self

    def effects(self) -> list[str]:
        """The effects that are given; exactly one once validated."""
        return [name for name in self.EFFECTS if getattr(self, name) is not None]


class Ramp(BaseModel):
    """A straight line from the value at `at` to `to`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    to: float
    over: Seconds = Field(gt=0.0)


class Saw(BaseModel):
    """A saw-tooth: up to `high`, sudden fall to `low`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    low: float
    high: float
    period: Seconds = Field(gt=0.0)


def _step(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Step = Annotated[tuple[Seconds, float], BeforeValidator(_step)]


class EventFact(Fact):
    """A Kubernetes Event."""

    kind = "event"
    about: Text
    type: Literal["Normal", "Warning"] = "Warning"
    reason: Text
    message: str
    count: int = Field(1, ge=1)
    source: str = "kubelet"
    first: Seconds | None = None

    @model_validator(mode="after")
    def _about_something(self, info: ValidationInfo) -> EventFact:
        known = info.context
        if not isinstance(known, Known) or self.about in known.nodes:
            return self
        namespace, _, name = self.about.rpartition("/")
        if not any(name == pod and namespace in ("", space) for space, pod in known.pods):
            raise ValueError("`about` names no node and no pod of this world; expected a node, or namespace/pod")
        return self


class ContainerState(BaseModel):
    """What a pod's status says about one container."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: str | None = None
    state: Literal["running", "waiting", "terminated"] = "running"
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    restarts: int = Field(default=0, ge=0)
    last_reason: str | None = None
    last_exit_code: int | None = None


Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]


class PodFact(Fact):
    """A pod is created, or one that exists changes."""

    kind = "pod"
    name: Text
    namespace: Text
    node: NodeName | None = None
    owner: WorkloadName | None = None
    gpus: int = Field(0, ge=0)
    gpu: Gpus | None = None
    image: str | None = None
    phase: Phase | None = None
    ran: Seconds | None = Field(default=None, ge=0.0)
    reason: str = ""
    message: str = ""
    containers: list[ContainerState] = []
    labels: Labels = {}
    until: Seconds | None = None


class PodLogFact(Repeated):
    """Lines of one container."""

    kind = "pod_log"
    pod: Text
    namespace: Text
    container: str | None = None
    previous: bool = False
    stall: bool = False

    @model_validator(mode="after")
    def _of_a_pod(self, info: ValidationInfo) -> PodLogFact:
        known = info.context
        if isinstance(known, Known) and (self.namespace, self.pod) not in known.pods:
            raise ValueError("`namespace` and `pod` name no pod of this world")
        return self


class WorkloadLogFact(Repeated):
    """Lines in the logs of a workload's pods."""

    kind = "workload_log"
    workload: WorkloadName
    node: Nodes | None = None
    previous: bool = False
    stall: bool = False


class LabelFact(Fact):
    """Labels of a node."""

    kind = "label"
    node: Nodes
    set: Labels
    by: str = SCENARIO_MANAGER


class AnnotateFact(Fact):
    """Annotations of a node."""

    kind = "annotate"
    node: Nodes
    set: Labels
    by: str = SCENARIO_MANAGER


class TaintFact(Fact):
    """A taint on a node."""

    kind = "taint"
    node: Nodes
    key: Text
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    by: str = SCENARIO_MANAGER
    until: Seconds | None = None


class CordonFact(Fact):
    """A node is made unschedulable."""

    kind = "cordon"
    node: Nodes
    by: str = "kubectl"
    until: Seconds | None = None


class AllocatableFact(Fact):
    """What a node offers to the scheduler changes."""

    kind = "allocatable"
    node: Nodes
    resource: str = "nvidia.com/gpu"
    value: int = Field(ge=0)
    capacity: int | None = Field(None, ge=0)


class DaemonSetFact(Fact):
    """A DaemonSet changes or breaks."""

    kind = "daemonset"
    name: DaemonSetName
    image: str | None = None
    broken_on: Nodes | None = None
    waiting: Literal["CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"] | None = None
    message: str = ""
    restarts: int = Field(0, ge=0)
    by: str = "helm"

    @model_validator(mode="after")
    def _broken_how(self) -> DaemonSetFact:
        if (self.broken_on is None) != (self.waiting is None):
            raise ValueError("`broken_on` and `waiting` belong together")
        if self.broken_on is None and self.image is None:
            raise ValueError("expected `image`, or `broken_on` with `waiting`")
        return self


class AlertFact(Fact):
    """An alert that Alertmanager shows."""

    kind = "alert"
    name: Text
    node: Nodes | None = None
    gpu: GpuIndex | None = None
    labels: Labels = {}
    annotations: Labels = {}
    until: Seconds | None = None


class SourceFact(Fact):
    """A data source that does not work."""

    kind = "source"
    name: SourceName
    node: Nodes | None = None
    how: FaultMode = "refuse"


class ClockFact(Fact):
    """The node's clock is wrong by `offset` from then on."""

    kind = "clock"
    node: Nodes
    offset: Seconds


class IdleFact(Fact):
    """No ordinary workload is placed on the node."""

    kind = "idle"
    node: Nodes


FACTS: dict[str, type[Fact]] = {
    model.kind: model
    for model in (
        KernelFact, BootFact, ServiceFact, ConditionFact, MetricFact, EventFact, PodFact, PodLogFact, WorkloadLogFact,
        LabelFact, AnnotateFact, TaintFact, CordonFact, AllocatableFact, DaemonSetFact, AlertFact, SourceFact,
        ClockFact, IdleFact,
    )
}  # fmt: skip
MetricFact.model_rebuild()
