"""Which SMs a run takes: by rotation, so that all have had their turn after ceil(1 / share) runs.

Drawing them at random leaves one SM in three untested after as many runs. The SMs of a run are spread evenly over the
numbers, because neighbours share a TPC and a GPC, and a fault that they share is then met in the first run.
"""

from __future__ import annotations

import math


def runs_for_all(share: float) -> int:
    """After how many runs every SM had its turn; `share` is over 0 to 1."""
    return math.ceil(1 / share - 1e-9)


def sms_of(run: int, sm_count: int, share: float) -> tuple[int, ...]:
    """The SMs of the `run`-th run; empty, which is all, where their number is not known or all are wanted."""
    runs = runs_for_all(share)
    if runs == 1 or sm_count == 0:
        return ()
    return tuple(range(run % runs, sm_count, runs)) or (run % sm_count,)
