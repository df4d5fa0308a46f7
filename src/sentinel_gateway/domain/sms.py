"""Counts of every SM of one GPU, in arrays: 132 SMs take 2 KiB, and are copied in a fraction of a microsecond.

A table is never changed after it was made; `with_results` returns another one. Reinstating a GPU clears what the scores
are made of, not the counts of all time: `base_passes` and `base_failures` are the counts at that moment (empty where it
never happened).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import add, itemgetter, sub
from statistics import median_low
from typing import NamedTuple

from sentinel_gateway.domain.belief import Tally
from sentinel_gateway.domain.bursts import Trails, extended
from sentinel_gateway.domain.probes import ProbeResult

MAX_SMS = 1024
"""More SMs than any GPU has; larger ids are refused, for they would only cost memory."""
RARE_SHARE = 0.05
"""An id with fewer than this share of the median SM's results is no SM of the GPU: mistaken, or gone for long."""
_PASS, _FAIL = int(ProbeResult.PASS), int(ProbeResult.FAIL)


class Outcome(NamedTuple):
    """What is counted of one probe execution."""

    sm_id: int
    probe_type: int
    result: int
    time_ns: int


_SM, _KIND = itemgetter(0), itemgetter(1, 2)


def kinds_of(outcomes: Iterable[Outcome]) -> Counter[tuple[int, int]]:
    """How many there are of each probe type and result."""
    return Counter(map(_KIND, outcomes))


def _counts() -> array[int]:
    return array("Q")


@dataclass(frozen=True, slots=True)
class SmTable:
    """Counts by SM; SMs beyond the end have none."""

    passes: array[int] = field(default_factory=_counts)
    failures: array[int] = field(default_factory=_counts)
    base_passes: array[int] = field(default_factory=_counts)
    base_failures: array[int] = field(default_factory=_counts)
    trails: Trails = field(default_factory=dict)
    """Failures of SMs, and what passed between them; empty for a GPU that never failed."""
    cleared_ns: int = 0
    """When the GPU was last reinstated: results from before it that come late are no evidence."""

    def with_results(self, outcomes: Sequence[Outcome], evidence: Sequence[Outcome] | None = None) -> SmTable:
        """The table after more results; errors and timeouts count for no SM. Trails are made of `evidence` (or all)."""
        passes, failures = array("Q", self.passes), array("Q", self.failures)
        missing = max(map(_SM, outcomes), default=-1) + 1 - len(passes)
        if missing > 0:
            passes.extend([0] * missing)
            failures.extend([0] * missing)
        failed = False
        for sm_id, _, result, _ in outcomes:
            if result == _PASS:
                passes[sm_id] += 1
            elif result == _FAIL:
                failures[sm_id] += 1
                failed = True
        if not failed and not self.trails:
            return replace(self, passes=passes, failures=failures)
        evidence = outcomes if evidence is None else evidence
        trails = extended(self.trails, [one for one in evidence if one.time_ns >= self.cleared_ns])
        return replace(self, passes=passes, failures=failures, trails=trails)

    def cleared(self, now_ns: int) -> SmTable:
        """The table after a reinstatement."""
        passes, failures = array("Q", self.passes), array("Q", self.failures)
        return replace(self, base_passes=passes, base_failures=failures, trails={}, cleared_ns=now_ns)

    def __len__(self) -> int:
        """One more than the highest SM heard of."""
        return len(self.passes)

    def reporting(self) -> tuple[int, ...]:
        """SMs that report like the others since the last reinstatement, or ever where nothing came since.

        An id that was named once, gaps between the SMs of a MIG instance, and SMs that vanished are left out.
        """
        totals = list(map(add, self.passes, self.failures))
        based = list(map(add, self.base_passes, self.base_failures))
        lately = [*map(sub, totals, based), *totals[len(based) :]]
        counts = lately if any(lately) else totals
        least = max(1, RARE_SHARE * median_low(filter(None, counts))) if any(counts) else 1
        if min(counts, default=0) >= least:
            return tuple(range(len(counts)))
        return tuple(sm_id for sm_id, count in enumerate(counts) if count >= least)

    def seen(self, sm_id: int) -> Tally:
        """What scores an SM: its results since the last reinstatement."""
        based = sm_id < len(self.base_passes)
        passes = self.passes[sm_id] - (self.base_passes[sm_id] if based else 0)
        failures = self.failures[sm_id] - (self.base_failures[sm_id] if based else 0)
        return Tally(passes=passes, failures=failures)
