"""Which GPUs agreed with each other when they computed the same thing.

An edge stands for an unordered pair: its GPUs are kept in order of their UUIDs. Minimum and mean are over pairs that
were compared at least once; an empty graph has zeros, never infinities.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

from sentinel_gateway.domain.identity import Gpu


class Pair(NamedTuple):
    """Two GPUs, the smaller UUID first; made by `pair`."""

    gpu_a: str
    gpu_b: str


def pair(one: str, other: str) -> Pair:
    """The unordered pair of two UUIDs."""
    return Pair(one, other) if one < other else Pair(other, one)


@dataclass(frozen=True, slots=True)
class Edge:
    """How often two GPUs agreed."""

    pair: Pair
    agreements: int = 0
    disagreements: int = 0
    last_comparison_ns: int = 0

    @property
    def comparisons(self) -> int:
        """How often they were compared."""
        return self.agreements + self.disagreements

    @property
    def score(self) -> float:
        """Share of agreements; 0 for a pair never compared."""
        return self.agreements / self.comparisons if self.comparisons else 0.0

    def compared(self, *, agreed: bool, time_ns: int) -> Edge:
        """The edge after one more comparison."""
        return replace(
            self,
            agreements=self.agreements + agreed,
            disagreements=self.disagreements + (not agreed),
            last_comparison_ns=max(self.last_comparison_ns, time_ns),
        )


@dataclass(frozen=True, slots=True)
class TrustEdgeView:
    """`sentinel.v1.TrustEdge`."""

    gpu_a: Gpu
    gpu_b: Gpu
    agreement_count: int
    disagreement_count: int
    last_comparison_ns: int
    trust_score: float


@dataclass(frozen=True, slots=True)
class TrustView:
    """`sentinel.v1.TrustGraphSnapshot`."""

    edges: tuple[TrustEdgeView, ...]
    snapshot_ns: int
    coverage_pct: float
    """Pairs compared at least once, of all pairs of known GPUs."""
    total_gpus: int
    min_trust_score: float
    mean_trust_score: float


@dataclass(frozen=True, slots=True)
class TrustFigures:
    """The numbers of a whole graph."""

    coverage_pct: float
    min_score: float
    mean_score: float


def figures(edges: Collection[Edge], total_gpus: int) -> TrustFigures:
    """Coverage, minimum and mean over the edges that were compared."""
    scores = [edge.score for edge in edges if edge.comparisons]
    pairs = total_gpus * (total_gpus - 1) // 2
    if not scores:
        return TrustFigures(0.0, 0.0, 0.0)
    return TrustFigures(100.0 * len(scores) / pairs if pairs else 0.0, min(scores), sum(scores) / len(scores))
