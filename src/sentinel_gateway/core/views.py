"""Answers to those who ask, made from memory. They may run in worker threads: the values they see never change."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

from sentinel_gateway.domain.batches import BatchKind, Source
from sentinel_gateway.domain.fleet import FleetFilter, FleetView, badness, summary_of
from sentinel_gateway.domain.gpus import GpuState, view
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.domain.trust import Edge, TrustEdgeView, TrustView, figures

_AGENT_KINDS = (BatchKind.PROBE, BatchKind.TELEMETRY)


def fleet_view(
    gpus: Sequence[GpuState], sources: Sequence[Source], wanted: FleetFilter, settings: CoreSettings, now_ns: int
) -> FleetView:
    """The GPUs that match, summed up and (the worst) one by one."""
    matching = [known for known in gpus if wanted.matches(known.gpu, known.state)]
    views = [view(known, settings, now_ns, with_sms=False) for known in matching]
    summary = summary_of(
        views,
        now_ns,
        active_agents=_active_agents(sources, wanted.hostname_prefix, settings, now_ns),
        rate_window_s=int(settings.history.rate_window.total_seconds()),
    )
    worst = heapq.nsmallest(wanted.limit, views, key=badness)
    return FleetView(summary, tuple(worst), truncated=len(worst) < len(views), total_matching=len(views))


def _active_agents(sources: Sequence[Source], prefix: str, settings: CoreSettings, now_ns: int) -> int:
    since_ns = now_ns - settings.ingest.agent_active.total_seconds() * 1e9
    hosts = {
        source.hostname
        for source in sources
        if source.kind in _AGENT_KINDS and source.last_batch_ns >= since_ns and source.hostname.startswith(prefix)
    }
    return len(hosts)


def trust_view(edges: Collection[Edge], gpus: dict[str, GpuState], now_ns: int) -> TrustView:
    """The whole trust graph."""
    numbers = figures(edges, len(gpus))
    ordered = sorted(edges, key=lambda edge: edge.pair)
    return TrustView(
        edges=tuple(_edge_view(edge, gpus) for edge in ordered),
        snapshot_ns=now_ns,
        coverage_pct=numbers.coverage_pct,
        total_gpus=len(gpus),
        min_trust_score=numbers.min_score,
        mean_trust_score=numbers.mean_score,
    )


def _edge_view(edge: Edge, gpus: dict[str, GpuState]) -> TrustEdgeView:
    one, other = (gpus[uuid].gpu if uuid in gpus else Gpu(uuid) for uuid in edge.pair)
    return TrustEdgeView(one, other, edge.agreements, edge.disagreements, edge.last_comparison_ns, edge.score)
