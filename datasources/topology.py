"""Data source `topology`: who shares a rack, power feed, switch, NVLink domain or version with the node, and who of
them has problems of the same kind since when.

The kind is that of the incident's triggers (`domain/conditions.fault_family`); for one that tells nothing, every bad
condition counts. Node labels are the only source, their names configurable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from gcm_sentinel.datasources import tool_calls
from gcm_sentinel.datasources.cluster_reads import NODE_ARGUMENT, availability, compact, iso, refused
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.fleet_view import NODES, FleetReader, FleetView, NodeView
from gcm_sentinel.domain.conditions import Family, fault_family
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.summaries import ConditionCount, PeerProblem, TopologyGroup, TopologySummary
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

_TOOL = "get_topology"
_PEERS_SHOWN = 64
_NODES_SHOWN = 64
_NEVER = datetime.min.replace(tzinfo=UTC)
_PLACES = {"rack": EntityKind.RACK, "leaf_switch": EntityKind.SWITCH}
"""Topology keys whose values are things that can fail."""

_TOOLS = (
    ToolSpec(
        _TOOL,
        "Groups of nodes that share a rack, power feed, leaf switch, NVLink domain, driver version ... with the node: "
        "which members have bad conditions of the same kind and since when, and how widespread each condition is.",
        {"type": "object", "properties": {"node_name": NODE_ARGUMENT}, "required": []},
    ),
)


def build(context: SourceContext) -> TopologySource:
    """The source; does no I/O."""
    return TopologySource(context)


class TopologySource:
    """Node labels and conditions of the whole fleet."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._fleet = FleetReader(
            context.kubernetes, context.clock, labels=context.topology_labels, patterns=context.watch_conditions
        )

    @property
    def name(self) -> str:
        """``topology``."""
        return "topology"

    async def is_available(self) -> Availability:
        """Whether nodes can be listed."""
        return await availability(self._context.kubernetes, NODES, "list on nodes")

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """One tool."""
        return _TOOLS

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Run it."""
        if call.name != _TOOL:
            return tool_calls.failed(call.name, f"no tool named {call.name!r} here; there is {_TOOL}")
        try:
            name = tool_calls.node_name(call, scope)
        except ValueError as error:
            return tool_calls.failed(call.name, str(error))
        families = frozenset(fault_family(trigger.kind) for trigger in scope.incident.triggers)
        query = f"GET {NODES} (labels and conditions of all nodes, problems of kind {', '.join(sorted(families))})"
        try:
            fleet = await self._fleet.read()
        except SentinelError as error:
            return refused(query, error, grant="list on nodes")
        node = fleet.node(name)
        if node is None:
            note = f"none of the {len(fleet.nodes)} nodes is named exactly {name!r}"
            return ToolResult(ResultStatus.NO_DATA, query, note=note)
        return _result(fleet, node, families, query, self._context.topology_labels)

    def get_system_prompt_section(self) -> str:
        """None: ``prompts/sources/topology.md`` says it."""
        return ""


def _result(
    fleet: FleetView, node: NodeView, families: frozenset[Family], query: str, labels: Mapping[str, str]
) -> ToolResult:
    sick = [peer for peer in fleet.nodes if _of_kind(peer, families)]
    summary = TopologySummary(
        node=node.name,
        labels=dict(node.places),
        groups=[_group(fleet, key, value, families) for key, value in node.places.items()],
        fleet_nodes=len(fleet.nodes),
        fleet_unschedulable=sum(peer.unschedulable for peer in fleet.nodes),
        nodes_with_problems=len(sick),
        by_condition=_by_condition(fleet),
    )
    missing = [f"{key} ({label})" for key, label in labels.items() if key not in node.places]
    return ToolResult(
        ResultStatus.OK,
        query,
        summary=tool_calls.as_json(summary),
        raw=compact({"listed_at": iso(fleet.listed_at), "nodes": [_raw(peer) for peer in _worth_keeping(fleet, node)]}),
        entities=(node_entity(node.name), *_places(node), *(node_entity(peer.name) for peer in sick)),
        note=f"the node carries no label for {', '.join(missing)}" if missing else "",
    )


def _of_kind(node: NodeView, families: frozenset[Family]) -> list[tuple[str, datetime | None]]:
    """The node's problems of the incident's kind."""
    everything = Family.OTHER in families
    return [
        (problem.type, problem.since)
        for problem in node.problems
        if everything or fault_family(problem.type) in families
    ]


def _group(fleet: FleetView, key: str, value: str, families: frozenset[Family]) -> TopologyGroup:
    members = [peer for peer in fleet.nodes if peer.places.get(key) == value]
    sick = [(peer, problems) for peer in members if (problems := _of_kind(peer, families))]
    sick.sort(key=lambda pair: _earliest(pair[1]) or _NEVER, reverse=True)
    group = TopologyGroup(
        key=key,
        value=value,
        size=len(members),
        with_problems=[_peer(peer, problems) for peer, problems in sick[:_PEERS_SHOWN]],
    )
    if len(sick) > _PEERS_SHOWN:
        group["with_problems_total"] = len(sick)
    return group


def _peer(peer: NodeView, problems: Sequence[tuple[str, datetime | None]]) -> PeerProblem:
    return PeerProblem(node=peer.name, conditions=[type_ for type_, _ in problems], since=iso(_earliest(problems)))


def _earliest(problems: Sequence[tuple[str, datetime | None]]) -> datetime | None:
    return min((since for _, since in problems if since), default=None)


def _by_condition(fleet: FleetView) -> list[ConditionCount]:
    """Every bad condition of the fleet, the most widespread first."""
    found: dict[str, list[tuple[str, datetime | None]]] = {}
    for node in fleet.nodes:
        for problem in node.problems:
            found.setdefault(problem.type, []).append((node.name, problem.since))
    counts = []
    for type_, places in found.items():
        moments = [since for _, since in places if since]
        counts.append(
            ConditionCount(
                type=type_,
                count=len(places),
                nodes=sorted(name for name, _ in places)[:_NODES_SHOWN],
                first_at=iso(min(moments, default=None)),
                last_at=iso(max(moments, default=None)),
            )
        )
    return sorted(counts, key=lambda entry: (-entry["count"], entry["type"]))


def _places(node: NodeView) -> list[Entity]:
    return [Entity(kind, node.places[key]) for key, kind in _PLACES.items() if key in node.places]


def _worth_keeping(fleet: FleetView, node: NodeView) -> list[NodeView]:
    return [peer for peer in fleet.nodes if peer.problems or peer.unschedulable or peer.name == node.name]


def _raw(node: NodeView) -> dict[str, object]:
    return {
        "node": node.name,
        "places": dict(node.places),
        "unschedulable": node.unschedulable,
        "problems": [{"type": problem.type, "since": iso(problem.since)} for problem in node.problems],
    }
