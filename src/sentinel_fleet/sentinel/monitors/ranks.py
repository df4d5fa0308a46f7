"""A replica that is no longer one: weights that must be equal on all ranks and are not (CROSS_RANK_DIVERGENCE).

Compared are fingerprints of the parameters after the optimizer's step. Every data-parallel rank applies the same
reduced gradient to the same weights, so they are equal bit for bit; gradients before the reduction never are, and after
it always, which is why comparing those says nothing.

Threshold: any difference from what more than half of the ranks have. There is no false alarm by chance (equal bits have
equal fingerprints), and with SHA-256 a difference is missed once in 2^256. It needs three ranks; without a majority
nobody can be named, and nobody is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def outvoted(fingerprints: Sequence[bytes]) -> tuple[int, ...]:
    """The ranks whose weights differ from what more than half of all have; `fingerprints` by rank."""
    if len(fingerprints) < 3:
        return ()
    ((most, count),) = Counter(fingerprints).most_common(1)
    if 2 * count <= len(fingerprints):
        return ()
    return tuple(rank for rank, one in enumerate(fingerprints) if one != most)
