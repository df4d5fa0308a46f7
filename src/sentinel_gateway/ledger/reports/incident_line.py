"""What is called an incident, and when it was signalled, detected, contained and resolved: one GPU at a time.

- A *failing signal* is a probe that FAILed, an anomaly event, or a TMR vote in which this GPU dissented.
- Signals at most `SIGNAL_GAP_NS` apart form one *episode*; its first signal is where the clock of an incident starts.
- An incident opens when the GPU leaves HEALTHY (*detected*). The episode it answers is the one whose last signal is at
  most `SIGNAL_GAP_NS` older. A GPU that somebody took out without any signal is an incident without a signal.
- It is *contained* when the GPU becomes QUARANTINED, or CONDEMNED at once.
- It is *resolved* when the GPU becomes HEALTHY again or CONDEMNED.

The onset of the fault itself stands in no ledger, so nothing here is measured from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.ledger.reports.window import NS_PER_DAY, NS_PER_HOUR, NS_PER_S

SIGNAL_GAP_NS = 24 * NS_PER_HOUR
CLOCK_SKEW_NS = 300 * NS_PER_S
"""How far ahead the gateway lets an agent's clock be; a signal recorded before a detection but timed later counts as
simultaneous up to this."""
REPEAT_NS = 30 * NS_PER_DAY
"""A new incident on a GPU within this time of its reinstatement is a repeat."""
_OUT_OF_SERVICE = (HealthState.QUARANTINED, HealthState.CONDEMNED)


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and the entry that says so."""

    at_ns: int
    entry_id: int


@dataclass(frozen=True, slots=True)
class Incident:
    """From the first failing signal to the resolution; None for what did not happen or stands in no kept entry."""

    gpu_uuid: str
    begun: Moment
    """The first change the kept ledger has of it: `detected`, or a later one where that was not kept."""
    signal: Moment | None = None
    detected: Moment | None = None
    contained: Moment | None = None
    resolved: Moment | None = None
    condemned: bool = False
    repeat: bool = False
    """The GPU had been reinstated at most `REPEAT_NS` before."""

    @property
    def first_ns(self) -> int:
        """The earliest moment known of it."""
        return min(self.begun.at_ns, self.signal.at_ns) if self.signal else self.begun.at_ns


class IncidentLine:
    """Takes one GPU's signals and changes in the order of their ids; gives incidents as they are resolved."""

    __slots__ = (
        "_begun",
        "_contained",
        "_detected",
        "_first",
        "_found",
        "_healthy_ns",
        "_last_ns",
        "_open",
        "_repeat",
        "_uuid",
    )

    def __init__(self, uuid: str, found: Callable[[Incident], None]) -> None:
        self._uuid = uuid
        self._found = found
        self._first: Moment | None = None
        self._last_ns = 0
        self._open = False
        self._begun: Moment | None = None
        self._detected: Moment | None = None
        self._contained: Moment | None = None
        self._repeat = False
        self._healthy_ns: int | None = None

    def signal(self, at_ns: int, entry_id: int) -> None:
        """A failing signal, by the time it happened; late ones are sorted in where they belong."""
        if self._open and not self._precedes_detection(at_ns):
            return
        if self._healthy_ns is not None and at_ns < self._healthy_ns:
            return  # belongs to an incident that is over
        first = self._first
        if first is None or at_ns > self._last_ns + SIGNAL_GAP_NS:
            self._first, self._last_ns = Moment(at_ns, entry_id), at_ns
        elif at_ns >= first.at_ns - SIGNAL_GAP_NS:
            self._first = first if at_ns >= first.at_ns else Moment(at_ns, entry_id)
            self._last_ns = max(self._last_ns, at_ns)

    def change(self, at_ns: int, from_state: int, to_state: int, entry_id: int) -> None:
        """A change of state at the time `StateLine.change` answered."""
        moment = Moment(at_ns, entry_id)
        if not self._open:
            if to_state == HealthState.HEALTHY and from_state in (0, HealthState.HEALTHY):
                return
            self._begin(moment, from_state)
        if to_state in _OUT_OF_SERVICE and self._contained is None:
            self._contained = moment
        if to_state in (HealthState.HEALTHY, HealthState.CONDEMNED):
            self._end(moment, condemned=to_state == HealthState.CONDEMNED)

    def unfinished(self) -> None:
        """The ledger ends here: an incident that is open is given as it stands."""
        if self._open:
            self._close(None, condemned=False)

    def _begin(self, moment: Moment, from_state: int) -> None:
        began_in_view = from_state in (0, HealthState.HEALTHY)
        self._open = True
        self._begun = moment
        self._contained = None
        self._detected = moment if began_in_view else None
        self._repeat = self._healthy_ns is not None and moment.at_ns - self._healthy_ns <= REPEAT_NS
        first = self._first
        if first and began_in_view and 0 < first.at_ns - moment.at_ns <= CLOCK_SKEW_NS:
            self._first = Moment(moment.at_ns, first.entry_id)
        elif not began_in_view or not self._answers(moment.at_ns):
            self._first = None

    def _end(self, moment: Moment, *, condemned: bool) -> None:
        self._close(moment, condemned=condemned)
        self._first = None
        self._healthy_ns = None if condemned else moment.at_ns

    def _close(self, resolved: Moment | None, *, condemned: bool) -> None:
        self._open = False
        if self._begun is None:
            return
        contained = self._contained if self._detected else None
        times = (self._first, self._detected, contained, resolved)
        self._found(Incident(self._uuid, self._begun, *times, condemned, self._repeat))

    def _answers(self, detected_ns: int) -> bool:
        """Whether the episode at hand is what led to a detection at that time."""
        first = self._first
        return first is not None and first.at_ns <= detected_ns <= self._last_ns + SIGNAL_GAP_NS

    def _precedes_detection(self, at_ns: int) -> bool:
        detected = self._detected
        if detected is None or at_ns > detected.at_ns:
            return False
        since_ns = self._first.at_ns if self._first else detected.at_ns
        return since_ns - at_ns <= SIGNAL_GAP_NS
