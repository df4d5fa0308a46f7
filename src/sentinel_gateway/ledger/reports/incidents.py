"""Incidents of the whole fleet: how many, and how long they took; definitions stand in `incident_line`.

A time is measured for the incidents whose *later* moment lies in the window, so that adjoining windows count each once.
Durations are kept as numbers (8 bytes each) for exact medians; incidents themselves only up to `MAX_LISTED`.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from statistics import median

from sentinel_gateway.ledger.reports.evidence import Evidence, Trail
from sentinel_gateway.ledger.reports.incident_line import Incident, Moment
from sentinel_gateway.ledger.reports.window import Window

MAX_LISTED = 500


@dataclass(frozen=True, slots=True)
class Spread:
    """Durations in seconds; None where there are none."""

    n: int
    median_s: float | None
    mean_s: float | None
    least_s: float | None
    most_s: float | None
    evidence: Evidence
    """The entries of the later moments."""


@dataclass(frozen=True, slots=True)
class Incidents:
    """What happened in the window."""

    detected: Evidence
    contained: Evidence
    reinstated: Evidence
    condemned: Evidence
    open_at_end: Evidence
    without_signal: Evidence
    """Detected without a failing signal in the day before."""
    before_ledger: Evidence
    """Resolved in the window, but begun before the first kept entry about the GPU."""
    repeats: Evidence
    to_detect: Spread
    to_contain: Spread
    to_resolve: Spread
    away: Spread
    """From detection to resolution."""
    listed: tuple[Incident, ...]
    """At most `MAX_LISTED`, in order of time."""
    listed_of: int
    """How many there were to list."""


class _Measure:
    def __init__(self) -> None:
        self._durations_ns = array("q")
        self._trail = Trail()

    def add(self, since: Moment | None, until: Moment | None) -> None:
        if since and until:
            self._durations_ns.append(until.at_ns - since.at_ns)
            self._trail.add(until.entry_id)

    def spread(self) -> Spread:
        found = self._durations_ns
        if not found:
            return Spread(0, None, None, None, None, self._trail.evidence())
        middle, mean = median(found) / 1e9, sum(found) / len(found) / 1e9
        return Spread(len(found), middle, mean, min(found) / 1e9, max(found) / 1e9, self._trail.evidence())


class IncidentTally:
    """Takes incidents as they end, from all GPUs."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._trails = {name: Trail() for name in _COUNTS}
        self._measures = {name: _Measure() for name in _MEASURES}
        self._listed: list[Incident] = []
        self._to_list = 0

    def found(self, incident: Incident) -> None:
        """One incident, resolved or as it stood when the ledger ended."""
        signal, detected = incident.signal, incident.detected
        if self._inside(detected) and detected:
            self._count("detected", detected)
            self._measures["to_detect"].add(signal, detected)
            if signal is None:
                self._count("without_signal", detected)
            if incident.repeat:
                self._count("repeats", detected)
        if self._inside(incident.contained) and incident.contained:
            self._count("contained", incident.contained)
            self._measures["to_contain"].add(signal, incident.contained)
        self._resolved(incident)
        self._list(incident)

    def finished(self) -> Incidents:
        """What was counted."""
        count = {name: trail.evidence() for name, trail in self._trails.items()}
        spread = {name: measure.spread() for name, measure in self._measures.items()}
        return Incidents(
            count["detected"],
            count["contained"],
            count["reinstated"],
            count["condemned"],
            count["open_at_end"],
            count["without_signal"],
            count["before_ledger"],
            count["repeats"],
            spread["to_detect"],
            spread["to_contain"],
            spread["to_resolve"],
            spread["away"],
            tuple(sorted(self._listed, key=lambda one: (one.first_ns, one.gpu_uuid))),
            self._to_list,
        )

    def _resolved(self, incident: Incident) -> None:
        resolved, detected = incident.resolved, incident.detected
        if (
            detected
            and detected.at_ns < self._window.end_ns
            and not (resolved and resolved.at_ns < self._window.end_ns)
        ):
            self._count("open_at_end", detected)
        if resolved is None or not self._inside(resolved):
            return
        self._count("condemned" if incident.condemned else "reinstated", resolved)
        self._measures["to_resolve"].add(incident.signal, resolved)
        self._measures["away"].add(detected, resolved)
        if detected is None:
            self._count("before_ledger", resolved)

    def _list(self, incident: Incident) -> None:
        last_ns = incident.resolved.at_ns if incident.resolved else self._window.end_ns
        if incident.first_ns >= self._window.end_ns or last_ns < self._window.start_ns:
            return
        self._to_list += 1
        if len(self._listed) < MAX_LISTED:
            self._listed.append(incident)

    def _inside(self, moment: Moment | None) -> bool:
        return moment is not None and moment.at_ns in self._window

    def _count(self, name: str, moment: Moment) -> None:
        self._trails[name].add(moment.entry_id)


_COUNTS = (
    "detected",
    "contained",
    "reinstated",
    "condemned",
    "open_at_end",
    "without_signal",
    "before_ledger",
    "repeats",
)
_MEASURES = ("to_detect", "to_contain", "to_resolve", "away")
