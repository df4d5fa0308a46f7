"""When every SM of a GPU last passed each type of probe, so that a pass that was there before is known again.

Passes are too many to be known one by one, as signed failures are. But what runs on one SM runs one after the other: a
pass is evidence only where it ran later than the last of its SM and probe type that was. Any other was there before, or
comes late. 132 SMs take 8 KiB.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from sentinel_gateway.domain.probes import ProbeResult, ProbeType
from sentinel_gateway.domain.sms import Outcome

_PASS = int(ProbeResult.PASS)
_KINDS = max(ProbeType) + 1


def _no_times() -> array[int]:
    return array("Q")


@dataclass(frozen=True, slots=True)
class LastPasses:
    """Of one GPU."""

    since_ns: int
    """For SMs and probe types that have none yet: what ran until then is no evidence."""
    times_ns: array[int] = field(default_factory=_no_times)
    """By SM and probe type; 0 for none. Never changed."""

    def later(self, outcomes: Iterable[Outcome]) -> tuple[list[Outcome], LastPasses]:
        """The outcomes that are evidence, as all but passes are; and the last passes after them."""
        times_ns, evidence = array("Q", self.times_ns), []
        for one in outcomes:
            if one.result != _PASS:
                evidence.append(one)
                continue
            place = one.sm_id * _KINDS + one.probe_type
            if place >= len(times_ns):
                times_ns.extend([0] * (place + 1 - len(times_ns)))
            if one.time_ns > (times_ns[place] or self.since_ns):
                times_ns[place] = one.time_ns
                evidence.append(one)
        return evidence, LastPasses(self.since_ns, times_ns)
