"""What the requests of a round showed that may change a judgement. Judged once, after all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from sentinel_gateway.domain.probes import ScheduleOverride
from sentinel_gateway.domain.sightings import Failed
from sentinel_gateway.domain.sms import Outcome


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
