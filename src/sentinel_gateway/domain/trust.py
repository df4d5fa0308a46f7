"""Which GPUs agreed with each other when they computed the same thing.

An edge stands for an unordered pair: its GPUs are kept in order of their UUIDs. Comparisons count less the older they
are, so a GPU that was repaired is trusted again. The decayed counts are fractions: the reference rounds them to whole
numbers, so that counts below 500 never decay. As both shrink alike while nothing is compared, the score is that of the
last comparison at any time. Minimum and mean are over pairs that
were compared at least once; an empty graph has zeros, never infinities.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from sentinel_gateway.domain.identity import Gpu

HALF_LIFE_H = 692.8
"""Hours after which a comparison counts half: 0.999 an hour, as documented."""


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
    agreed: float = 0.0
    """Agreements, each decayed by its age at the last comparison."""
    disagreed: float = 0.0

    @property
    def comparisons(self) -> int:
        """How often they were ever compared."""
        return self.agreements + self.disagreements

    @property
    def score(self) -> float:
        """Share of agreements, recent ones more; 0 for a pair never compared."""
        return self.agreed / (self.agreed + self.disagreed) if self.comparisons else 0.0

    def compared(self, *, agreed: bool, time_ns: int) -> Edge:
        """The edge after one more comparison."""
        latest_ns = max(self.last_comparison_ns, time_ns)
        old, new = _left(latest_ns - self.last_comparison_ns), _left(latest_ns - time_ns)
        return Edge(
            self.pair,
            self.agreements + agreed,
            self.disagreements + (not agreed),
            latest_ns,
            self.agreed * old + agreed * new,
            self.disagreed * old + (not agreed) * new,
        )


def _left(age_ns: int) -> float:
    """How much a comparison of this age still counts, 0 to 1."""
    return float(0.5 ** (age_ns / (HALF_LIFE_H * 3.6e12)))


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
