"""The whole past and future of a fleet in one place: nodes, pods, DaemonSets and Xids, shared by all that is served."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TypeVar

from sentinel_fleet import facts as f
from sentinel_fleet.baseline.conditions import GCM_BASE, HealthyCondition, base_conditions
from sentinel_fleet.baseline.daemonsets import DaemonSetSpec, daemonsets
from sentinel_fleet.baseline.fleet import Fleet
from sentinel_fleet.history.node import NodeHistory
from sentinel_fleet.history.pods import Holding, PodBook

_RECENT = 512
AnyFact = TypeVar("AnyFact", bound=f.Fact)
_XID = re.compile(r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2})[^)]*\): (\d+)")


class Book:
    """Facts indexed by what they are about; histories made on demand, since most nodes of a large fleet have none."""

    def __init__(self, fleet: Fleet, facts: Sequence[f.Fact], pods: PodBook, anchor: float) -> None:
        self.fleet = fleet
        self.anchor = anchor
        self.facts = facts
        self.pods = pods
        self.daemonsets: tuple[DaemonSetSpec, ...] = daemonsets(fleet.spec.driver)
        self.base: tuple[HealthyCondition, ...] = base_conditions(with_gcm=_speaks_of_gcm(facts))
        self._by_node: dict[str, list[f.Fact]] = {}
        for fact in facts:
            for node in _nodes_of(fact):
                self._by_node.setdefault(node, []).append(fact)
        self._kept: dict[str, NodeHistory] = {}
        self._recent = lru_cache(maxsize=_RECENT)(self._history)

    def of(self, kind: type[AnyFact]) -> list[AnyFact]:
        """All facts of one kind, in the file's order."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def touched(self) -> list[str]:
        """Nodes that some fact is about."""
        return list(self._by_node)

    def node_facts(self, node: str, kind: type[AnyFact]) -> list[AnyFact]:
        """The facts of one kind about one node, in the file's order."""
        return [fact for fact in self._by_node.get(node, ()) if isinstance(fact, kind)]

    def node(self, name: str) -> NodeHistory:
        """A node through time; kept for good only for nodes that facts are about."""
        if name not in self._by_node:
            return self._recent(name)
        if name not in self._kept:
            self._kept[name] = self._history(name)
        return self._kept[name]

    def holdings(self, node: str) -> Sequence[Holding]:
        """Who holds the node's GPUs when."""
        return self.pods.holdings.get(node, ())

    def daemonset_facts(self, name: str) -> list[f.DaemonSetFact]:
        """What happened to a DaemonSet, oldest first."""
        return sorted((fact for fact in self.of(f.DaemonSetFact) if fact.name == name), key=lambda fact: fact.at)

    def last_xid(self, node: str, pci: str, t: float) -> int:
        """The last Xid of a GPU in the present boot; 0 for none. The value DCGM's sticky gauge shows."""
        boot = self.node(node).boot_at(t).at
        last = 0
        for at, code in self._xids.get((node, pci.lower()), ()):
            if boot <= at <= t:
                last = code
        return last

    @cached_property
    def _xids(self) -> dict[tuple[str, str], list[tuple[float, int]]]:
        found: dict[tuple[str, str], list[tuple[float, int]]] = {}
        for fact in self.of(f.KernelFact):
            for line in fact.lines:
                match = _XID.search(line)
                if match is None:
                    continue
                for node in fact.node:
                    records = found.setdefault((node, match[1].lower()), [])
                    records.append((self.anchor + fact.at, int(match[2])))
        return {key: sorted(records, key=lambda record: record[0]) for key, records in found.items()}

    def _history(self, name: str) -> NodeHistory:
        identity = self.fleet.by_name[name]
        return NodeHistory(self.fleet, identity, self._by_node.get(name, ()), self.base, self.anchor)


def _nodes_of(fact: f.Fact) -> Iterable[str]:
    if isinstance(fact, f.PodFact | f.DaemonSetFact):
        return ()
    nodes = getattr(fact, "node", None)
    return nodes if isinstance(nodes, list) else ()


def _speaks_of_gcm(facts: Iterable[f.Fact]) -> bool:
    types = {item.type for item in GCM_BASE}
    return any(isinstance(fact, f.ConditionFact) and fact.type in types for fact in facts)
