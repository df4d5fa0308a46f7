"""Who agrees with whom: the trust graph around a node's GPUs. Pure.

A disagreement of two GPUs blames neither. A GPU that disagrees with several partners, who agree with others, is the one
that dissents; so agreement is told per GPU over all its partners, beside the pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gcm_sentinel.datasources.cluster_reads import iso
from gcm_sentinel.datasources.sentinel_gpus import entities, plain
from gcm_sentinel.datasources.sentinel_health import figure, share
from gcm_sentinel.datasources.tool_calls import as_json
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.gpu_health import Gpu, TrustEdge, TrustGraph
from gcm_sentinel.domain.summaries import SentinelTrustSummary, TrustEdgeSummary, TrustGpuSummary

MAX_EDGES = 60
MAX_LOW = 30


def answer(graph: TrustGraph, node: str, query: str) -> ToolResult:
    """The part of the graph that concerns `node`, and every pair that disagreed."""
    mine = sorted((_facing(edge, node) for edge in graph.edges if node in (edge.a.node, edge.b.node)), key=_distrust)
    low = sorted((edge for edge in graph.edges if edge.disagreed), key=_distrust)
    gpus = {gpu.uuid: gpu for edge in mine for gpu in (edge.a, edge.b) if gpu.node == node}
    summary = SentinelTrustSummary(
        node=node,
        gpus=sorted((_gpu(gpu, graph.edges) for gpu in gpus.values()), key=lambda item: item["trust"] or 0.0),
        edges=[_edge(edge) for edge in mine[:MAX_EDGES]],
        edges_total=len(mine),
        low_pairs=[_edge(edge) for edge in low[:MAX_LOW]],
        low_pairs_total=len(low),
        coverage_pct=figure(graph.coverage_pct),
        graph_gpus=graph.gpus,
        graph_edges=len(graph.edges),
        mean_trust=figure(graph.mean) if graph.edges else None,
    )
    return ToolResult(
        ResultStatus.OK if mine else ResultStatus.NO_DATA,
        query,
        as_json(summary),
        "\n".join(map(_line, dict.fromkeys((*mine, *low)))),
        entities=entities([gpu for edge in (*mine[:MAX_EDGES], *low[:MAX_LOW]) for gpu in (edge.a, edge.b)]),
        note="" if mine else _nothing(graph, node),
    )


def _nothing(graph: TrustGraph, node: str) -> str:
    return (
        f"No GPU of {node} was compared with another one (pairs compared: {len(graph.edges)}, coverage"
        f" {figure(graph.coverage_pct)} %): nothing is known of its trust."
    )


def _facing(edge: TrustEdge, node: str) -> TrustEdge:
    """The edge with the node's own GPU first."""
    if edge.a.node == node:
        return edge
    return TrustEdge(edge.b, edge.a, edge.agreed, edge.disagreed, edge.last_at)


def _distrust(edge: TrustEdge) -> tuple[float, int]:
    return (edge.trust if edge.trust is not None else 1.0, -edge.disagreed)


def _gpu(gpu: Gpu, edges: Iterable[TrustEdge]) -> TrustGpuSummary:
    own = [edge for edge in edges if gpu.uuid in (edge.a.uuid, edge.b.uuid)]
    agreed, disagreed = _sums(own)
    return TrustGpuSummary(
        uuid=plain(gpu.uuid, 90),
        node=plain(gpu.node, 253),
        partners=len(own),
        agreed=agreed,
        disagreed=disagreed,
        trust=share(agreed, agreed + disagreed) if agreed + disagreed else None,
        partners_disagreeing=sum(edge.disagreed > 0 for edge in own),
    )


def _sums(edges: Sequence[TrustEdge]) -> tuple[int, int]:
    return sum(edge.agreed for edge in edges), sum(edge.disagreed for edge in edges)


def _edge(edge: TrustEdge) -> TrustEdgeSummary:
    return TrustEdgeSummary(
        gpu=plain(edge.a.uuid, 90),
        driver=plain(edge.a.driver_version, 80),
        other=plain(edge.b.uuid, 90),
        other_node=plain(edge.b.node, 253),
        other_driver=plain(edge.b.driver_version, 80),
        agreed=edge.agreed,
        disagreed=edge.disagreed,
        trust=share(edge.agreed, edge.compared) if edge.compared else None,
        last_at=iso(edge.last_at),
    )


def _line(edge: TrustEdge) -> str:
    ends = " and ".join(map(_end, (edge.a, edge.b)))
    trust = f"trust {edge.trust:.6g}" if edge.trust is not None else "never compared"
    last = iso(edge.last_at) or "unknown"
    return f"{ends}: {edge.agreed} agreed, {edge.disagreed} disagreed, {trust}; last {last}"


def _end(gpu: Gpu) -> str:
    driver = f" (driver {plain(gpu.driver_version, 80)})" if gpu.driver_version else ""
    return f"{plain(gpu.node, 253) or 'host unknown'} {plain(gpu.uuid, 90)}{driver}"
