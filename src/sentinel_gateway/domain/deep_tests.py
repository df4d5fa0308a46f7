"""What a deep test has shown so far: passes of every SM since it began, and failures.

A test that only counts time says nothing. This one ends well when every SM passed often enough that the fault it was
begun for would have shown, and badly at the first failure. A failure for which there is a common cause is neither: it
says nothing against the GPU, but what passed beside it says nothing for it, so the passes are counted anew; and while
such a cause hides what the test is about, nothing that passes counts. The first host that such a cause reaches fails
before anybody can know: so a test remembers what failed when, and goes on when that turns out to be nobody's own.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from statistics import median_low
from typing import TypeAlias

from sentinel_gateway.domain.probes import ProbeResult

Result: TypeAlias = tuple[int, int, int, int]
"""SM, probe type, result, time."""
SILENT_AFTER = 600
"""An SM is silent that reported nothing while half of the SMs passed so often: twenty times the passes it needs."""
_LAGS = 20
"""And one keeps a test from ending that passes so many times less often than most."""
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
    failed: tuple[tuple[int, int], ...] = ()
    """Which probe types failed for no common cause, each with the time of its first such failure."""
    anew_ns: int = 0
    """When its passes were last begun to be counted anew; 0 for never."""
    denied: int | None = None
    """Its failures when a person last denied what the gateway asked for because of it; None where nobody did."""

    def with_results(self, outcomes: Iterable[Result], explained: int = 0) -> DeepTest:
        """After more results; what ran before the test began does not count.

        Bit n of `explained` is set where failures of probe type n on this GPU have a common cause now.
        """
        results = [one for one in outcomes if one[3] >= self.began_ns]
        failed = [one for one in results if one[2] == _FAIL]
        own = [one for one in failed if not explained >> one[1] & 1]
        test = self
        if len(own) < len(failed):
            shared = [one for one in failed if explained >> one[1] & 1]
            test = self._anew({one[1] for one in shared}, max(one[3] for one in shared))
        if own:
            test = test._with_failures(own)
        return test if test.types & explained else test._with_passes(results)

    def reopened(self, now_ns: int) -> DeepTest:
        """After all its failures turned out to have a common cause."""
        test = self._anew({probe_type for probe_type, _ in self.failed}, now_ns)
        return replace(test, failures=0, failed_sm=None, failed=(), asked_ns=0, denied=None)

    def _anew(self, probe_types: Iterable[int], time_ns: int) -> DeepTest:
        types = self.types
        for probe_type in probe_types:
            types |= 1 << probe_type
        return replace(self, types=types, passes=_no_passes(), heard=0, shown=0, anew_ns=max(time_ns, self.anew_ns))

    def _with_failures(self, own: Sequence[Result]) -> DeepTest:
        times_ns = dict(self.failed)
        for _, probe_type, _, time_ns in own:
            times_ns[probe_type] = min(time_ns, times_ns.get(probe_type, time_ns))
        return replace(
            self,
            failures=self.failures + len(own),
            failed_sm=own[0][0] if self.failed_sm is None else self.failed_sm,
            failed=tuple(sorted(times_ns.items())),
        )

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
    def stalled(self) -> tuple[int, ...]:
        """SMs that keep it from ending: they hardly ever pass, if at all, while most of those that do pass on and on.

        `silent` ones prolong nothing and are left out, but not the blamed one. All SMs where none passed at all.
        """
        rest = [passes for sm_id in self.sms if (passes := self.passed(sm_id))]
        if not rest:
            return self.sms if self.heard else ()
        usual = median_low(rest)
        if usual < SILENT_AFTER:
            return ()
        excused = {*self.silent} - {self.blamed_sm}
        late = (sm_id for sm_id in self.sms if self.passed(sm_id) < min(self.needed(sm_id), usual // _LAGS))
        return tuple(sm_id for sm_id in late if sm_id not in excused)

    @property
    def _unheard(self) -> tuple[int, ...]:
        return tuple(sm_id for sm_id in self.sms if not self.was_heard(sm_id) and not self.passed(sm_id))

    def was_heard(self, sm_id: int) -> bool:
        """Whether this SM reported anything since passes are counted."""
        return bool(self.heard >> sm_id & 1)

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
