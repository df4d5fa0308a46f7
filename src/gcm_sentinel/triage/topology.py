"""The fleet's groups as folding needs them, kept up to date by whoever sees nodes.

`FleetTopology` is told of every node by a watcher, and of groups no label names (jobs, rails, the feeds of a site's own
exporter) by an overlay. Nodes that share all their groups share one tuple, so 50,000 nodes cost a dictionary and little
more; a node seen again with the same labels changes nothing, so the view is built anew only when the fleet has changed.
Only nodes that exist count: an overlay that still names a node long gone must not make its group look larger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from gcm_sentinel.domain.topology import DEFAULT_TOPOLOGY_LABELS, TopologyView
from gcm_sentinel.domain.trigger import FaultScope

Groups = tuple[FaultScope, ...]


class FleetTopology:
    """Groups of nodes, by label and by overlay. Implements `NodeObserver`; for one event loop, not for threads."""

    def __init__(self, labels: Mapping[str, str] = DEFAULT_TOPOLOGY_LABELS) -> None:
        """`labels` gives the node label of each topology key."""
        self._labels = tuple(labels.items())
        self._by_label: dict[str, Groups] = {}
        self._overlays: dict[str, dict[str, FaultScope]] = {}
        self._shared: dict[Groups, Groups] = {}
        self._view: TopologyView | None = None

    def seen(self, node: str, labels: Mapping[str, str]) -> None:
        """A node exists and has these labels."""
        groups = self._one(tuple(FaultScope(kind, labels[label]) for kind, label in self._labels if labels.get(label)))
        if self._by_label.get(node) is not groups:
            self._by_label[node] = groups
            self._view = None

    def gone(self, node: str) -> None:
        """A node does not exist any more."""
        if self._by_label.pop(node, None) is not None:
            self._view = None

    def overlay(self, kind: str, groups: Mapping[str, str]) -> None:
        """What is known of one topology key from elsewhere, node to group; replaces what was known of that key."""
        scopes = {key: FaultScope(kind, key) for key in set(groups.values()) if key}
        new = {node: scopes[key] for node, key in groups.items() if key}
        if self._overlays.get(kind) != new:
            self._overlays[kind] = new
            self._view = None

    def view(self) -> TopologyView:
        """The groups as they are now; the same object until something changes."""
        if self._view is None:
            self._forget_unused()
            groups_of = {node: groups for node in self._by_label if (groups := self._groups(node))}
            shared = Counter(groups_of.values())
            size_of: Counter[FaultScope] = Counter()
            for groups, nodes in shared.items():
                for scope in groups:
                    size_of[scope] += nodes
            self._view = TopologyView(MappingProxyType(groups_of), MappingProxyType(size_of))
        return self._view

    def _groups(self, node: str) -> Groups:
        """By label and overlay together; what an overlay says of a key wins over the label."""
        labelled = self._by_label[node]
        added = [scopes[node] for scopes in self._overlays.values() if node in scopes]
        if not added:
            return labelled
        told = {scope.kind for scope in added}
        return self._one((*(scope for scope in labelled if scope.kind not in told), *added))

    def _one(self, groups: Groups) -> Groups:
        """The one tuple of these groups that everybody shares."""
        return self._shared.setdefault(groups, groups)

    def _forget_unused(self) -> None:
        """Drop shared tuples of groups that no node is in any more (jobs come and go)."""
        if len(self._shared) > 2 * len(self._by_label) + 64:
            self._shared = {groups: groups for groups in self._by_label.values()}
