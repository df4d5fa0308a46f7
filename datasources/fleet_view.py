"""All nodes of the cluster in small: what topology needs of each, read page by page and kept for half a minute.

Only projections are held, so that fleets of thousands fit; several investigations of one storm share one list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, conditions, metadata, parse_time
from gcm_sentinel.clients.kubernetes.objects import spec, strings, text
from gcm_sentinel.domain.conditions import state_of
from gcm_sentinel.domain.protocols import Clock

NODES = "/api/v1/nodes"
_KEPT_FOR = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Problem:
    """A bad or unknown condition of a node."""

    type: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node in small."""

    name: str
    places: Mapping[str, str]
    """Topology key -> value."""
    unschedulable: bool
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class FleetView:
    """All nodes at one moment."""

    nodes: tuple[NodeView, ...]
    listed_at: datetime

    def node(self, name: str) -> NodeView | None:
        """The node of exactly this name."""
        return next((node for node in self.nodes if node.name == name), None)


class FleetReader:
    """Reads the fleet, at most once in half a minute."""

    def __init__(
        self, client: KubernetesClient, clock: Clock, *, labels: Mapping[str, str], patterns: tuple[str, ...]
    ) -> None:
        """`labels` maps topology keys to node labels, `patterns` are the watched conditions (they decide polarity)."""
        self._client = client
        self._clock = clock
        self._labels = labels
        self._patterns = patterns
        self._lock = asyncio.Lock()
        self._kept: tuple[float, FleetView] | None = None

    async def read(self) -> FleetView:
        """The fleet, not older than half a minute.

        Raises:
            SentinelError: the API server did not list the nodes.
        """
        async with self._lock:
            if self._kept and self._clock.monotonic() - self._kept[0] < _KEPT_FOR.total_seconds():
                return self._kept[1]
            view = await self._list()
            self._kept = (self._clock.monotonic(), view)
            return view

    async def _list(self) -> FleetView:
        nodes: list[NodeView] = []
        async for page in self._client.pages(NODES):
            if page.first:
                nodes.clear()
            nodes += [self._view(node) for node in page.items]
        return FleetView(tuple(nodes), self._clock.now())

    def _view(self, node: KubeObject) -> NodeView:
        labels = strings(metadata(node).get("labels"))
        return NodeView(
            name=text(metadata(node).get("name")),
            places={key: labels[label] for key, label in self._labels.items() if labels.get(label)},
            unschedulable=spec(node).get("unschedulable") is True,
            problems=tuple(
                Problem(text(entry.get("type")), parse_time(entry.get("lastTransitionTime")))
                for entry in conditions(node)
                if self._is_bad(entry)
            ),
        )

    def _is_bad(self, condition: KubeObject) -> bool:
        state = state_of(text(condition.get("type")), text(condition.get("status")), self._patterns)
        return state in ("problem", "unknown")
