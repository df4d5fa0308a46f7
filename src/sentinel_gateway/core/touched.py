"""What the requests of a round showed that may change a judgement. Collected while they are decided, judged once after.

Sightings go by when a failure was received, because a cause that many GPUs share is told by many hosts at one moment,
however late they are: the failures of an outage all come when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.probes import ProbeType, ScheduleOverride
from sentinel_gateway.domain.sms import Outcome

_AFTER_A_START_NS = 3600 * 10**9


class Failed(NamedTuple):
    """Failures of one kind in a round."""

    earliest_ns: int
    """When the first of them happened."""
    event_id: str
    """Of one of them."""


class Sighted(NamedTuple):
    """A GPU failed something."""

    received_ns: int
    """When the gateway last heard of it."""
    earliest_ns: int
    """When the first of those failures happened that were received since `turned_ns`."""
    event_id: str = ""
    """Of one of the latest; empty after a restart."""
    before_ns: int | None = None
    """`earliest_ns` is kept window by window, so that it moves on while a GPU keeps failing; of the window before."""
    turned_ns: int = 0
    """When this window began."""

    @classmethod
    def first(cls, failed: Failed, now_ns: int) -> Sighted:
        """Sighted now, and not before."""
        return cls(now_ns, failed.earliest_ns, failed.event_id, None, now_ns)

    def again(self, failed: Failed, now_ns: int, window_ns: int) -> Sighted:
        """Sighted once more."""
        began_ns = self.turned_ns or self.received_ns
        if now_ns - began_ns >= 2 * window_ns:
            return Sighted.first(failed, now_ns)
        if now_ns - began_ns >= window_ns:
            return Sighted(now_ns, failed.earliest_ns, failed.event_id, self.earliest_ns, began_ns + window_ns)
        earliest_ns = min(failed.earliest_ns, self.earliest_ns)
        return Sighted(now_ns, earliest_ns, failed.event_id, self.before_ns, began_ns)

    @property
    def since_ns(self) -> int:
        """When the first of the failures happened that were received within the window, or not long before it."""
        return self.earliest_ns if self.before_ns is None else min(self.earliest_ns, self.before_ns)


class Told(NamedTuple):
    """A host was asked for more probes."""

    time_ns: int
    overrides: tuple[ScheduleOverride, ...]


class Counted(NamedTuple):
    """How large the fleet is; counted from time to time."""

    time_ns: int = 0
    known: int = 0
    """GPUs that were ever heard of."""
    probed: int = 0
    """Of them, within a day."""
    in_use: int = 0
    """Of those probed; with those that were taken out lately, so that the limit does not sink with each."""


@dataclass(frozen=True, slots=True)
class Lately:
    """Which GPUs failed within a day for no cause that they share; looked at from time to time."""

    looked_ns: int = 0
    failing: frozenset[str] = frozenset()
    results: float = 0.0
    """Of one GPU in a day, on average."""
    counted: Counted = Counted()


@dataclass(slots=True)
class Touched:
    """See the module. GPUs by UUID."""

    failures: dict[tuple[str, int], Failed] = field(default_factory=dict)
    """By GPU and probe type."""
    anomalies: dict[tuple[str, int], Failed] = field(default_factory=dict)
    """By GPU and type of anomaly."""
    accused: dict[str, None] = field(default_factory=dict)
    """More speaks against them; in the order in which it came."""
    eased: dict[str, None] = field(default_factory=dict)
    """SUSPECT, and more may speak for them."""
    observed: dict[str, None] = field(default_factory=dict)
    """Something happened to them in which patterns are looked for."""
    tested: dict[str, list[Outcome]] = field(default_factory=dict)
    """Results of deep tests."""
    is_time: bool = False
    """Time went by that may end a common cause."""

    @staticmethod
    def add(failures: dict[tuple[str, int], Failed], key: tuple[str, int], time_ns: int, event_id: str) -> None:
        """One more failure or anomaly."""
        known = failures.get(key)
        failures[key] = Failed(min(time_ns, known.earliest_ns) if known else time_ns, event_id)

    def __bool__(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self.accused or self.eased or self.observed or self.tested or self.is_time)


def sighted_before(gpus: Iterable[GpuState]) -> Iterator[tuple[tuple[str, int], Sighted]]:
    """What was sighted before a restart, as far as trails tell: a failure was received when it happened."""
    for known in gpus:
        trail = known.sms.trails.get(WHOLE, ())
        for probe_type in ProbeType:
            times_ns = [burst.time_ns for burst in trail if burst.types >> probe_type & 1]
            if times_ns:
                recent_ns = [one for one in times_ns if one > times_ns[-1] - _AFTER_A_START_NS]
                yield (known.gpu.uuid, int(probe_type)), Sighted(times_ns[-1], recent_ns[0])
