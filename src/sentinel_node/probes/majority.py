"""The right answer by vote: what most SMs of the GPU computed, where a CPU cannot derive it.

Good against a fault of one SM, blind to one that all SMs share; against that stands the reference, an error bound that
the vendor documents. A word outside it takes the reference's value as right, and then every SM that said otherwise
fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.record import Words

LEAST_VOTERS = 3


@dataclass(frozen=True, slots=True)
class Bound:
    """What a CPU knows of an output; both of the output's shape."""

    value: Words
    """The best float32 of each word."""
    is_within: npt.NDArray[np.bool_]
    """Whether the word that was asked about is as near to it as documented."""


Reference = Callable[[int, npt.NDArray[np.uint64], Words], Bound]
"""(seed, numbers of the sets, output) -> what is known of it."""


def majority(outputs: Words) -> Words | None:
    """The output that more than half of the SMs agree on in every word; None without one.

    Args:
        outputs: Shape (SMs, ...). Under three SMs have no majority.
    """
    if len(outputs) < LEAST_VOTERS:
        return None
    # A value that more than half hold is also the median, whatever the others are.
    candidate = np.sort(outputs, axis=0)[len(outputs) // 2]
    votes = (outputs == candidate).sum(axis=0)
    return candidate if bool((2 * votes > len(outputs)).all()) else None
