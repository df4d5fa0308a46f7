"""What single GPUs are acquitted of, and for how long: until they were clean of it for the window of the guards.

Guards come and go with the share of GPUs that fail. A wrong golden answer is mended on host after host, and the last
GPUs that wait for it still fail for the same reason when the guard has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from sentinel_gateway.domain.bursts import BURST_NS, Trails, without


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
        for kind, span in sorted(self.spans.items(), key=lambda one: one[1].since_ns):
            types |= 1 << kind
            trails = without(trails, types, span.since_ns - BURST_NS)
        return trails


NONE = Acquittal({})
