"""What the agent itself can do to a cluster, each thing with what it touches, how it is undone and how it is proven.

An `Action` (actions.py) is what an assessment advises; an `Operation` is the one tool of ours that carries such advice
out. Many actions have none. Nothing here does anything: the tools are in tools/, and the gate (gate.py) decides over
them by these declarations alone, so an operation without one cannot run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum

from gcm_sentinel.domain.actions import Action


class Operation(StrEnum):
    """One thing a tool of ours does; the values are the names of the tools."""

    CORDON_NODE = "cordon_node"
    UNCORDON_NODE = "uncordon_node"
    TAINT_NODE = "taint_node"
    UNTAINT_NODE = "untaint_node"
    DRAIN_NODE = "drain_node"
    RESTART_POD = "restart_pod"
    RESET_GPU = "reset_gpu"
    REBOOT_NODE = "reboot_node"
    QUARANTINE_GPU = "quarantine_gpu"
    REINSTATE_GPU = "reinstate_gpu"
    CONDEMN_GPU = "condemn_gpu"
    SCHEDULE_DEEP_TEST = "schedule_deep_test"
    RUN_DEEP_PROBE = "run_deep_probe"


class TargetKind(StrEnum):
    """What an operation is done to."""

    NODE = "node"
    GPU = "gpu"
    POD = "pod"


class Blast(IntEnum):
    """How far an operation reaches, from nothing that runs to everything on the node."""

    NOTHING = 0
    """Gives back what was taken, or only looks."""
    NEW_PODS = 1
    """Keeps new pods away; what runs goes on."""
    ONE_GPU = 2
    """Whatever uses one GPU."""
    ONE_POD = 3
    """One pod, which its controller makes anew."""
    NODE = 4
    """Everything that runs on the node."""


class Through(StrEnum):
    """Whose machinery carries an operation out."""

    KUBERNETES = "kubernetes"
    """Plain API requests of ours."""
    MAINTENANCE = "maintenance"
    """A custom resource of NVSentinel where it is installed, else an annotation for the site's own controller."""
    GATEWAY = "gateway"
    """A directive at the SENTINEL gateway."""
    NODE_AGENT = "node_agent"
    """The agent on the GPU's node."""


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One rule of Kubernetes RBAC that an operation needs."""

    group: str
    """API group, empty for the core one."""
    resource: str
    verb: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Everything the gate, the charts and a reader need to know of an operation."""

    operation: Operation
    carries_out: frozenset[Action]
    """The advice it follows; only an assessment that gives one of these lets it run. Empty: it only undoes."""
    target: TargetKind
    blast: Blast
    undo: Operation | None
    """None where nothing of ours can take it back."""
    verified: str
    """When it counts as done, in words."""
    verify_within: timedelta
    through: Through = Through.KUBERNETES
    permissions: tuple[Permission, ...] = ()
    takes_out_of_service: bool = False
    """Whether the fleet has less to offer while it stands: counted against the share that may be out."""
    destroys_evidence: bool = False
    """Whether volatile counters or logs are gone afterwards: evidence is captured first."""
    withdrawn: str = ""
    """What of it is taken back although nothing undoes it once it is done; empty where nothing is."""
    kept_when_unproven: str = ""
    """What is left as it is, and why, where success does not show; empty where what was done is taken back then."""
    leaves_nothing: bool = False
    """Whether nothing of it is left once it ends, however it ends: there is nothing to take back."""
    always_asks: bool = False
    """Whether a person decides in every mode."""

    @property
    def reversible(self) -> bool:
        """Whether an operation of ours takes it back."""
        return self.undo is not None

    @property
    def undone_by(self) -> str:
        """What takes it back, in words."""
        if self.undo is not None:
            return str(self.undo)
        if self.leaves_nothing:
            return "nothing: it leaves nothing behind"
        return f"nothing, but {self.withdrawn} is taken back" if self.withdrawn else "nothing"


JANITOR = "janitor.dgxc.nvidia.com"
"""API group of NVSentinel's maintenance requests."""

_NODES_READ = Permission("", "nodes", "get")
_NODES_PATCH = Permission("", "nodes", "patch")
_UNTAKEN = "a request that nobody took up"
_PODS_LIST = Permission("", "pods", "list")

_ALL = (
    Declaration(
        operation=Operation.CORDON_NODE,
        carries_out=frozenset({Action.CORDON, Action.DRAIN, Action.REBOOT, Action.POWER_CYCLE, Action.RMA}),
        target=TargetKind.NODE,
        blast=Blast.NEW_PODS,
        undo=Operation.UNCORDON_NODE,
        verified="the node is unschedulable, by our own field manager",
        verify_within=timedelta(seconds=30),
        permissions=(_NODES_READ, _NODES_PATCH),
        takes_out_of_service=True,
    ),
    Declaration(
        operation=Operation.UNCORDON_NODE,
        carries_out=frozenset(),
        target=TargetKind.NODE,
        blast=Blast.NOTHING,
        undo=Operation.CORDON_NODE,
        verified="the node is schedulable",
        verify_within=timedelta(seconds=30),
        permissions=(_NODES_READ, _NODES_PATCH),
    ),
    Declaration(
        operation=Operation.TAINT_NODE,
        carries_out=frozenset({Action.TAINT}),
        target=TargetKind.NODE,
        blast=Blast.NEW_PODS,
        undo=Operation.UNTAINT_NODE,
        verified="the node carries our taint; the request can touch no other",
        verify_within=timedelta(seconds=30),
        permissions=(_NODES_READ, _NODES_PATCH),
        takes_out_of_service=True,
    ),
    Declaration(
        operation=Operation.UNTAINT_NODE,
        carries_out=frozenset(),
        target=TargetKind.NODE,
        blast=Blast.NOTHING,
        undo=Operation.TAINT_NODE,
        verified="our taint is gone; the request can touch no other",
        verify_within=timedelta(seconds=30),
        permissions=(_NODES_READ, _NODES_PATCH),
    ),
    Declaration(
        operation=Operation.DRAIN_NODE,
        carries_out=frozenset({Action.DRAIN}),
        target=TargetKind.NODE,
        blast=Blast.NODE,
        undo=Operation.UNCORDON_NODE,
        verified="the node is unschedulable and none of the pods that were to leave is left",
        kept_when_unproven="the node stays cordoned, because what it is drained for is still wrong",
        verify_within=timedelta(minutes=30),
        permissions=(_NODES_READ, _NODES_PATCH, _PODS_LIST, Permission("", "pods/eviction", "create")),
        takes_out_of_service=True,
    ),
    Declaration(
        operation=Operation.RESTART_POD,
        carries_out=frozenset({Action.RESTART_DAEMONSET, Action.RESTART_POD}),
        target=TargetKind.POD,
        blast=Blast.ONE_POD,
        undo=None,
        verified="another pod of the same DaemonSet is Ready on the node",
        verify_within=timedelta(minutes=5),
        permissions=(
            _NODES_READ,
            Permission("", "pods", "get"),
            _PODS_LIST,
            Permission("", "pods/eviction", "create"),
        ),
    ),
    Declaration(
        operation=Operation.RESET_GPU,
        carries_out=frozenset({Action.RESET_GPU}),
        target=TargetKind.GPU,
        blast=Blast.ONE_GPU,
        undo=None,
        withdrawn=_UNTAKEN,
        verified="the reset is reported complete and the condition it was for has gone",
        verify_within=timedelta(minutes=30),
        through=Through.MAINTENANCE,
        permissions=(
            _NODES_READ,
            _NODES_PATCH,
            _PODS_LIST,
            Permission(JANITOR, "gpuresets", "create"),
            Permission(JANITOR, "gpuresets", "delete"),
            Permission(JANITOR, "gpuresets", "get"),
        ),
        destroys_evidence=True,
    ),
    Declaration(
        operation=Operation.REBOOT_NODE,
        carries_out=frozenset({Action.REBOOT}),
        target=TargetKind.NODE,
        blast=Blast.NODE,
        undo=None,
        withdrawn=_UNTAKEN,
        verified="the node has another boot id, is Ready, and the condition it was for has gone",
        verify_within=timedelta(minutes=45),
        through=Through.MAINTENANCE,
        permissions=(
            _NODES_READ,
            _NODES_PATCH,
            _PODS_LIST,
            Permission(JANITOR, "rebootnodes", "create"),
            Permission(JANITOR, "rebootnodes", "delete"),
            Permission(JANITOR, "rebootnodes", "get"),
        ),
        takes_out_of_service=True,
        destroys_evidence=True,
    ),
    Declaration(
        operation=Operation.QUARANTINE_GPU,
        carries_out=frozenset({Action.QUARANTINE_GPU}),
        target=TargetKind.GPU,
        blast=Blast.ONE_GPU,
        undo=Operation.REINSTATE_GPU,
        verified="the gateway reports the GPU QUARANTINED",
        verify_within=timedelta(minutes=1),
        through=Through.GATEWAY,
        takes_out_of_service=True,
    ),
    Declaration(
        operation=Operation.REINSTATE_GPU,
        carries_out=frozenset(),
        target=TargetKind.GPU,
        blast=Blast.NOTHING,
        undo=Operation.QUARANTINE_GPU,
        verified="the gateway reports the GPU HEALTHY",
        verify_within=timedelta(minutes=1),
        through=Through.GATEWAY,
    ),
    Declaration(
        operation=Operation.CONDEMN_GPU,
        carries_out=frozenset({Action.RMA}),
        target=TargetKind.GPU,
        blast=Blast.ONE_GPU,
        undo=None,
        verified="the gateway reports the GPU CONDEMNED",
        verify_within=timedelta(hours=1),  # the gateway asks a person of its own
        through=Through.GATEWAY,
        takes_out_of_service=True,
        always_asks=True,
    ),
    Declaration(
        operation=Operation.SCHEDULE_DEEP_TEST,
        carries_out=frozenset({Action.PROBE_DEEP, Action.QUARANTINE_GPU}),
        target=TargetKind.GPU,
        blast=Blast.ONE_GPU,
        undo=None,
        verified="the gateway reports the GPU under DEEP_TEST",
        verify_within=timedelta(hours=1),  # the gateway asks a person where others took the GPU out
        through=Through.GATEWAY,
        takes_out_of_service=True,
    ),
    Declaration(
        operation=Operation.RUN_DEEP_PROBE,
        carries_out=frozenset({Action.PROBE_DEEP}),
        target=TargetKind.GPU,
        blast=Blast.ONE_GPU,
        undo=None,
        verified="the node's own reports tell of a wrong result, or of nothing but right ones for every probe",
        verify_within=timedelta(hours=4),  # twice the longest time an operator may give; a look later changes nothing
        through=Through.NODE_AGENT,
        permissions=(_NODES_READ, _PODS_LIST),
        leaves_nothing=True,
    ),
)

DECLARED: dict[Operation, Declaration] = {declaration.operation: declaration for declaration in _ALL}
"""The declaration of every operation."""
