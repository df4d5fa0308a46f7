"""What a deep test has shown so far: passes of every SM since it began, and failures.

A test that only counts time says nothing. This one ends well when every SM passed often enough that the fault it was
begun for would have shown, and badly at the first failure.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from sentinel_gateway.domain.probes import ProbeResult

_PASS, _FAIL = int(ProbeResult.PASS), int(ProbeResult.FAIL)


class DeepTestOutcome(Enum):
    """How a deep test stands."""

    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"


def _no_passes() -> array[int]:
    return array("Q")


@dataclass(frozen=True, slots=True)
class DeepTest:
    """One deep test of one GPU."""

    began_ns: int
    blamed_sm: int | None
    """The SM the GPU was quarantined for; None where no single SM was."""
    blamed_needs: int
    """Passes the blamed SM (or else every SM) needs."""
    others_need: int
    """Passes every other SM needs."""
    sm_count: int
    """SMs that reported before it began; a test that skips one of them does not end."""
    passes: array[int] = field(default_factory=_no_passes)
    """By SM, since it began."""
    failures: int = 0
    failed_sm: int | None = None
    """Of the first failure."""

    def with_results(self, outcomes: Iterable[tuple[int, int, int, int]]) -> DeepTest:
        """After more results (SM, probe type, result, time); what ran before the test began does not count."""
        passes, failures, failed_sm = array("Q", self.passes), self.failures, self.failed_sm
        for sm_id, _, result, time_ns in outcomes:
            if time_ns < self.began_ns:
                continue
            if result == _PASS:
                if sm_id >= len(passes):
                    passes.extend([0] * (sm_id + 1 - len(passes)))
                passes[sm_id] += 1
            elif result == _FAIL:
                failures += 1
                failed_sm = sm_id if failed_sm is None else failed_sm
        return replace(self, passes=passes, failures=failures, failed_sm=failed_sm)

    @property
    def outcome(self) -> DeepTestOutcome:
        """How it stands."""
        if self.failures:
            return DeepTestOutcome.FAILED
        if len(self.passes) < self.sm_count:
            return DeepTestOutcome.OPEN
        is_done = all(passes >= self.needed(sm_id) for sm_id, passes in enumerate(self.passes))
        return DeepTestOutcome.PASSED if is_done and self.sm_count else DeepTestOutcome.OPEN

    def needed(self, sm_id: int) -> int:
        """Passes this SM needs."""
        return self.blamed_needs if self.blamed_sm in (None, sm_id) else self.others_need

    @property
    def share_done(self) -> float:
        """Of all passes that are needed, 0 to 1."""
        needed = sum(self.needed(sm_id) for sm_id in range(self.sm_count))
        done = sum(min(passes, self.needed(sm_id)) for sm_id, passes in enumerate(self.passes))
        return min(1.0, done / needed) if needed else 0.0
