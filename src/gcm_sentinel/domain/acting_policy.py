"""What the operator allows the agent to do at most, as values; the defaults trust nobody yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gcm_sentinel.domain.globs import matches
from gcm_sentinel.domain.operations import Operation

FRESH = timedelta(minutes=10)
"""Oldest evidence an action may rest on."""
_SPARE = timedelta(hours=1)
"""For the end of the investigation after its last look, its queue, and an API server that is away for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActingPolicy:
    """Limits of every action, whoever asks for it."""

    operations: frozenset[Operation] = frozenset(Operation)
    """Those that may be done at all."""
    min_confidence: float = 0.8
    """Below it an assessment leads to no action without a person; 0 to 1."""
    max_per_hour: int = 3
    """Actions begun within any hour, in the whole cluster; beyond that a person decides."""
    max_out_of_service: float = 0.05
    """Share of the GPU nodes that may be out of service, everybody's cordons counted, before the breaker opens."""
    protected_nodes: tuple[str, ...] = ()
    """Globs of nodes that are never acted on."""
    protected_labels: Mapping[str, str] = field(default_factory=lambda: {"node-role.kubernetes.io/control-plane": "*"})
    """Labels of such nodes; the value is a glob."""
    protected_namespaces: tuple[str, ...] = ("kube-system", "kube-public", "kube-node-lease")
    """Globs of namespaces whose pods are never restarted."""
    fresh: timedelta = FRESH
    approval_lasts: timedelta = timedelta(hours=1)
    """How long a person may take to decide, and how long an approval holds after it was given."""

    @property
    def order_lasts(self) -> timedelta:
        """Oldest assessment, and oldest sighting of the target, that an order may still be carried out on.

        A person may decide as late as `approval_lasts`, and what was approved may begin as late as that once more.
        """
        return 2 * self.approval_lasts + _SPARE

    def protects_node(self, name: str, labels: Mapping[str, str]) -> str:
        """Why the node is never acted on; empty where it may be."""
        if self.protected_nodes and matches(name, self.protected_nodes):
            return f"node {name} is protected by name"
        for label, pattern in self.protected_labels.items():
            if label in labels and matches(labels[label], (pattern,)):
                return f"node {name} is protected by its label {label}={labels[label]}"
        return ""

    def protects_namespace(self, namespace: str) -> str:
        """Why pods of the namespace are never restarted; empty where they may be."""
        covered = bool(self.protected_namespaces) and matches(namespace, self.protected_namespaces)
        return f"namespace {namespace} is protected" if covered else ""


@dataclass(frozen=True, slots=True)
class Breaker:
    """The fleet's circuit breaker: once open, nothing more is taken out of service until a person closes it."""

    opened_at: datetime | None = None
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it forbids to take anything out."""
        return self.opened_at is not None


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much of the fleet is out of service, and how much may be."""

    nodes: frozenset[str]
    """Every GPU node there is."""
    out: frozenset[str]
    """Those that take no work: cordoned or tainted by anybody, or not Ready."""
    reserved: frozenset[str] = frozenset()
    """Those that orders under way are about to take out."""

    def with_node(self, name: str) -> int:
        """How many would be out if `name` went too."""
        return len((self.out | self.reserved | {name}) & (self.nodes | {name}))

    def allowed(self, share: float) -> int:
        """How many may be out: the share, rounded down, but one in any fleet of two or more."""
        least = 1 if len(self.nodes) > 1 else 0
        return max(least, int(len(self.nodes) * share + 1e-9)) if share > 0 else 0

    @classmethod
    def of(cls, nodes: Iterable[str], out: Iterable[str], reserved: Iterable[str] = ()) -> Capacity:
        """From any iterables."""
        return cls(frozenset(nodes), frozenset(out), frozenset(reserved))
