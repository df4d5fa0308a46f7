"""What single GPUs are acquitted of, and for how long: until they were clean of it for the window of the guards.

Guards come and go with the share of GPUs that fail. A wrong golden answer is mended on host after host, and the last
GPUs that wait for it still fail for the same reason when the guard has gone. Kept in memory only: after a restart it is
taken from failures that were counted and left no trail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sentinel_gateway.domain.bursts import MAX_BURSTS, WHOLE, Trails, without
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.domain.rates import minute_of
from sentinel_gateway.model.guards import Guard

_MINUTE_NS = 60 * 10**9


class Span(NamedTuple):
    """Failures of one probe type that are nobody's own."""

    since_ns: int
    """When the first of them happened."""
    last_ns: int
    """When the gateway last heard of one."""


@dataclass(frozen=True, slots=True)
class Acquittal:
    """See the module; of one GPU."""

    spans: Mapping[int, Span]
    """By probe type."""
    elsewhere_ns: int = 0
    """When its failures were last seen on more than one SM."""

    def types(self, after_ns: int) -> int:
        """The probe types (bit n for type n) that it failed since `after_ns`."""
        return sum(1 << kind for kind, span in self.spans.items() if span.last_ns > after_ns)

    def with_spans(self, more: Mapping[int, Span], after_ns: int) -> Acquittal:
        """The acquittal after more failures; a type that was clean since `after_ns` begins anew."""
        spans = dict(self.spans)
        for kind, span in more.items():
            before = spans.get(kind)
            goes_on = before is not None and before.last_ns > after_ns
            spans[kind] = Span(min(before.since_ns, span.since_ns), span.last_ns) if before and goes_on else span
        return replace(self, spans=spans)

    def parted(self, after_ns: int) -> tuple[Acquittal, Acquittal]:
        """What goes on, and what is over: the types that were clean since `after_ns`."""
        on = {kind: span for kind, span in self.spans.items() if span.last_ns > after_ns}
        over = {kind: span for kind, span in self.spans.items() if kind not in on}
        return replace(self, spans=on), replace(self, spans=over)

    def own(self, trails: Trails) -> Trails:
        """What is left of the trails of a GPU without what it is acquitted of."""
        types = 0
        for kind, span in self.spans.items():
            types |= 1 << kind
            trails = without(trails, 1 << kind, span.since_ns)
        if len(self.spans) > 1:
            trails = without(trails, types, max(span.since_ns for span in self.spans.values()))
        return trails


NONE = Acquittal({})


@dataclass(slots=True)
class Trial:
    """GPUs that fail as many others do, by UUID."""

    acquittals: dict[str, Acquittal] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    """The probe types (bit n for type n) of which they are still to be acquitted."""
    held: dict[str, int] = field(default_factory=dict)
    """Judged after the next look for common causes, and since when."""


@dataclass(slots=True)
class Looks:
    """When the fleet was last looked at for common causes, and what came of it that is not stored."""

    compared_ns: int = 0
    """For failures of probes."""
    excused_ns: int = 0
    """For anomalies."""
    excuses: tuple[Guard, ...] = ()
    """What anomalies had in common."""
    is_any_unseen: bool = False
    """Anomalies came since."""
    doubted: Mapping[str, int] = field(default_factory=dict)
    """When people were asked about GPUs, by UUID, that a common cause may hide."""


def acquitted_before(gpus: Iterable[GpuState], after_ns: int, until_ns: int) -> Iterator[tuple[str, Acquittal]]:
    """What GPUs must have been acquitted of before a restart: failures between two times of which no trail tells.

    Of which types is not known, so of all but those that a trail does tell of.
    """
    for known in gpus:
        trail = known.sms.trails.get(WHOLE, ())
        told = {minute_of(burst.time_ns) + more for burst in trail for more in (0, 1)}
        earliest_ns = max(after_ns, known.sms.cleared_ns, trail[0].time_ns if len(trail) == MAX_BURSTS else 0)
        first, last = minute_of(earliest_ns), minute_of(until_ns)
        untold = [
            one.minute
            for one in known.minutes
            if one.failures and first < one.minute <= last and one.minute not in told
        ]
        if untold:
            types = 0
            for burst in trail:
                types |= burst.types if after_ns < burst.time_ns < until_ns else 0
            span = Span(untold[0] * _MINUTE_NS, (untold[-1] + 1) * _MINUTE_NS)
            yield known.gpu.uuid, Acquittal({int(kind): span for kind in ProbeType if not types >> kind & 1})
