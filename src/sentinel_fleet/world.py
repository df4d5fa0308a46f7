"""A world: one realisation of a scenario, ready to be served.

The servers read it through the protocols of `ports`; the player applies `timeline()`; a scorer reads `expect`, which
is never served. Nothing is stored per GPU or per sample, so a world of 5,000 nodes is made in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import TypeAlias

from sentinel_fleet.alerts import alerts
from sentinel_fleet.baseline.fleet import Fleet
from sentinel_fleet.baseline.workload import Workload
from sentinel_fleet.baseline.workloads import ordinary_workloads
from sentinel_fleet.facts import AllocatableFact, BootFact, Fact, IdleFact, PodFact
from sentinel_fleet.history.book import Book
from sentinel_fleet.history.node import NodeHistory
from sentinel_fleet.history.pods import Holding, PodBook
from sentinel_fleet.logs import FleetLogs, KernelLine
from sentinel_fleet.metrics.gauges import Gauges
from sentinel_fleet.node_agents.plan import NodeAgentsPlan
from sentinel_fleet.objects import KubeObject
from sentinel_fleet.objects.pod import ExporterPorts
from sentinel_fleet.ports import LogSource, SeriesSource, SourceFaults
from sentinel_fleet.prior_incidents import PriorIncident
from sentinel_fleet.sentinel.plan import SentinelPlan
from sentinel_fleet.series import FleetSeries
from sentinel_fleet.sources import FleetFaults
from sentinel_fleet.timeline import Change, ClusterTimeline

__all__ = ["Change", "ExporterPorts", "ResolvedExpect", "Trigger", "World", "WorldPlan"]

DEFAULT_PORTS = ExporterPorts()
"""The ports real exporters use."""

ResolvedExpect: TypeAlias = Mapping[str, object]
"""The `expect` part with every reference resolved, as plain data; the scorer gives it meaning."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What the agent is given: a condition its watcher will see, or an alert to investigate as by hand."""

    node: str
    condition: str | None
    alert: str | None
    message: str
    event: str | None = None
    """The kind by which the SENTINEL gateway itself tells of it; None where it does not, or there is none."""


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """Everything a scenario decides about a world."""

    scenario: str
    seed: int
    variant: str | None
    fleet: Fleet
    facts: Sequence[Fact]
    workloads: Sequence[Workload]
    drawn_nodes: Collection[str]
    """Nodes that some draw names: ordinary gangs stay off them."""
    daemonset_pods: Collection[tuple[str, str]]
    without_sources: Sequence[str]
    trigger: Trigger
    names: Mapping[str, object]
    expect: ResolvedExpect
    prior_incidents: Sequence[PriorIncident] | None = ()
    """None when the variant takes the records away."""
    sentinel: SentinelPlan | None = None
    """None for a fleet without a SENTINEL gateway."""
    node_agents: NodeAgentsPlan | None = None
    """None for a fleet without agents on its nodes."""


class World:
    """A served world; times are epoch seconds."""

    def __init__(self, plan: WorldPlan, anchor: float, clock: Callable[[], float] = time.time) -> None:
        self.plan = plan
        self.anchor = anchor
        self.fleet = plan.fleet
        self.trigger = plan.trigger
        self.expect = plan.expect
        self.names = plan.names
        self.prior_incidents = plan.prior_incidents
        pods = PodBook(
            plan.fleet,
            (*plan.workloads, *_ordinary(plan)),
            [fact for fact in plan.facts if isinstance(fact, PodFact)],
            anchor,
            plan.daemonset_pods,
        )
        self._book = Book(plan.fleet, plan.facts, pods, anchor)
        self._timeline = ClusterTimeline(self._book)
        self.series: SeriesSource = FleetSeries(self._book)
        self._logs = FleetLogs(self._book)
        self.logs: LogSource = self._logs
        self.faults: SourceFaults = FleetFaults(self._book, plan.without_sources, clock)

    def objects(self, ports: ExporterPorts = DEFAULT_PORTS) -> Iterator[KubeObject]:
        """The Kubernetes objects at T0. They share their unchanging parts: copy before changing one."""
        return self._timeline.initial(ports)

    def timeline(self, ports: ExporterPorts = DEFAULT_PORTS, *, heartbeats: bool = True) -> Iterator[Change]:
        """What changes after T0, in order of time.

        Endless, because nodes go on reporting; without `heartbeats` it ends after the last fact.
        """
        changes = self._timeline.changes(ports)
        return merge(changes, self._timeline.heartbeats(), key=lambda change: change.at) if heartbeats else changes

    def alerts(self, now: float) -> list[KubeObject]:
        """The alerts that fire at `now`, as Alertmanager's `GettableAlert`."""
        return alerts(self._book, now)

    def history(self, node: str) -> NodeHistory:
        """A node through time."""
        return self._book.node(node)

    def holders(self, node: str, now: float) -> list[Holding]:
        """Who holds the node's GPUs at an instant, as far as the world itself decides it."""
        return [held for held in self._book.holdings(node) if held.start <= now < held.end]

    def pod_uid(self, holding: Holding) -> str:
        """The UID of a pod that holds a GPU."""
        return self._book.pods.pods[holding.namespace, holding.pod].uid

    def kernel_lines(self, node: str, until: float) -> list[KernelLine]:
        """The kernel's log of a node with what the kernel knows of each line."""
        return self._logs.kernel_lines(node, until)

    def gauges(self) -> Gauges:
        """What the node's driver says of its GPUs, from the same courses as the exporters' series."""
        return Gauges(self._book)

    def node_of_exporter(self, ip: str) -> str | None:
        """The node whose exporter pods have this address."""
        node = self.fleet.by_exporter_ip.get(ip)
        return node.name if node is not None else None


def _kept_free(fact: Fact) -> Sequence[str]:
    """Nodes on which ordinary work would contradict a fact."""
    if isinstance(fact, IdleFact | BootFact):
        return fact.node
    if isinstance(fact, AllocatableFact) and fact.value == 0:
        return fact.node
    return [fact.node] if isinstance(fact, PodFact) and fact.node is not None and fact.gpus else []


def _ordinary(plan: WorldPlan) -> Iterator[Workload]:
    claimed = {node for workload in plan.workloads for node in workload.nodes}
    claimed |= {node for fact in plan.facts for node in _kept_free(fact)}
    return ordinary_workloads(plan.fleet, claimed, plan.drawn_nodes, {workload.name for workload in plan.workloads})
