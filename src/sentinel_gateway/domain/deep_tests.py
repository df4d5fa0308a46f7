"""What a deep test has shown so far: passes of every SM since it began, and failures.

A test that only counts time says nothing. This one ends well when every SM passed often enough that the fault it was
begun for would have shown, and badly at the first failure. A failure for which there is a common cause is neither: it
says nothing against the GPU, but what passed beside it says nothing for it, so the passes are counted anew; and while
such a cause hides what the test is about, nothing that passes counts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from statistics import median_low
from typing import TypeAlias

from sentinel_gateway.domain.probes import ProbeResult

Result: TypeAlias = tuple[int, int, int, int]
"""SM, probe type, result, time."""
SILENT_AFTER = 600
"""An SM is silent that reported nothing while half of the SMs passed so often: twenty times the passes it needs."""
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
    sms: tuple[int, ...]
    """SMs that reported before it began, and the blamed one; a test that skips one of them does not end."""
    types: int = 0
    """Bit n is set where probe type n is what it is about: it failed before, or failed in it for a common cause."""
    passes: array[int] = field(default_factory=_no_passes)
    """By SM, since it began, or since the last failure for a common cause."""
    heard: int = 0
    """Bit n is set where SM n reported anything since then."""
    shown: int = 0
    """Bit n is set where probe type n passed since then, on the blamed SM if there is one."""
    failures: int = 0
    failed_sm: int | None = None
    """Of the first failure."""
    asked_ns: int = 0
    """When people were last asked to decide about its outcome."""

    def with_results(self, outcomes: Iterable[Result], explained: int = 0) -> DeepTest:
        """After more results; what ran before the test began does not count.

        Bit n of `explained` is set where failures of probe type n on this GPU have a common cause now.
        """
        results = [one for one in outcomes if one[3] >= self.began_ns]
        failed = [(sm_id, probe_type) for sm_id, probe_type, result, _ in results if result == _FAIL]
        own = [sm_id for sm_id, probe_type in failed if not explained >> probe_type & 1]
        test = self
        if len(own) < len(failed):
            types = self.types
            for _, probe_type in failed:
                types |= explained & 1 << probe_type
            test = replace(self, types=types, passes=_no_passes(), heard=0, shown=0)
        if own:
            first = own[0] if self.failed_sm is None else self.failed_sm
            test = replace(test, failures=self.failures + len(own), failed_sm=first)
        return test if test.types & explained else test._with_passes(results)

    def _with_passes(self, results: Iterable[Result]) -> DeepTest:
        passes, heard, shown = array("Q", self.passes), self.heard, self.shown
        for sm_id, probe_type, result, _ in results:
            heard |= 1 << sm_id
            if result != _PASS:
                continue
            if sm_id >= len(passes):
                passes.extend([0] * (sm_id + 1 - len(passes)))
            passes[sm_id] += 1
            shown |= 1 << probe_type if self.blamed_sm in (None, sm_id) else 0
        return replace(self, passes=passes, heard=heard, shown=shown)

    @property
    def outcome(self) -> DeepTestOutcome:
        """How it stands."""
        if self.failures:
            return DeepTestOutcome.FAILED
        if not self.sms or self.types & ~self.shown:
            return DeepTestOutcome.OPEN
        missing = {sm_id for sm_id in self.sms if self.passed(sm_id) < self.needed(sm_id)}
        is_done = not missing or (self.blamed_sm not in missing and missing <= {*self.silent})
        return DeepTestOutcome.PASSED if is_done else DeepTestOutcome.OPEN

    @property
    def silent(self) -> tuple[int, ...]:
        """SMs that vanished: nothing came of them while most of the others passed again and again."""
        return self._unheard if self._unheard and median_low(map(self.passed, self.sms)) >= SILENT_AFTER else ()

    @property
    def vanished(self) -> tuple[int, ...]:
        """As `silent`, where that is half of the SMs or more: then the test cannot end, for too little is left."""
        unheard = self._unheard
        rest = [self.passed(sm_id) for sm_id in self.sms if sm_id not in {*unheard}]
        is_most = 2 * len(unheard) >= len(self.sms)
        return unheard if is_most and rest and median_low(rest) >= SILENT_AFTER else ()

    @property
    def _unheard(self) -> tuple[int, ...]:
        return tuple(sm_id for sm_id in self.sms if not self.heard >> sm_id & 1 and not self.passed(sm_id))

    def passed(self, sm_id: int) -> int:
        """How often this SM passed."""
        return self.passes[sm_id] if sm_id < len(self.passes) else 0

    def needed(self, sm_id: int) -> int:
        """Passes this SM needs."""
        return self.blamed_needs if self.blamed_sm in (None, sm_id) else self.others_need

    @property
    def share_done(self) -> float:
        """Of all passes that are needed, 0 to 1."""
        needed = sum(self.needed(sm_id) for sm_id in self.sms)
        done = sum(min(self.passed(sm_id), self.needed(sm_id)) for sm_id in self.sms)
        return done / needed if needed else 0.0
