"""The ledger as a log: how much of what was recorded when, how long nothing was, and whether its clock went back."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_gateway.ledger.reports.counted import Counted, Row
from sentinel_gateway.ledger.reports.evidence import Evidence, Trail
from sentinel_gateway.ledger.reports.window import NS_PER_DAY, NS_PER_HOUR, Window
from sentinel_gateway.ledger.reports.wire_names import ENTRY_TYPES

MAX_BINS = 62
"""Columns of a chart that can still be read on paper."""
SIGNALS = ("probe failures", "anomalies", "TMR dissents")
_CLOCK_BACK_NS = NS_PER_HOUR
"""Late results are recorded by the time they happened; only more than this is worth telling."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Failing signals over time."""

    start_ns: int
    width_ns: int
    counts: tuple[tuple[int, ...], ...]
    """One row for each of `SIGNALS`."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What the whole pass saw."""

    by_type: tuple[Row, ...]
    """Inside the window."""
    in_window: Evidence
    first_entry_id: int
    last_entry_id: int
    entries_read: int
    newest_ns: int
    """The latest time of any entry; 0 for an empty ledger."""
    longest_silence_ns: int
    silence_from_ns: int
    silence_after: Evidence
    """The entry that ended it."""
    clock_back: Evidence
    """Entries more than an hour older than one before them."""
    undecodable: Evidence
    """Entries in the window whose data could not be read as what their type says."""
    bins: Bins


class ActivityTally:
    """Takes every entry."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._by_type = Counted()
        self._inside = Trail()
        self._first_id = 0
        self._last_id = 0
        self._read = 0
        self._newest_ns = 0
        self._reached_ns = window.start_ns
        self._silence = (0, window.start_ns, 0)
        self._clock_back = Trail()
        self._undecodable = Trail()
        days = -(-window.length_ns // NS_PER_DAY)
        self._width_ns = NS_PER_DAY * -(-days // MAX_BINS)
        self._bins = [[0] * (-(-window.length_ns // self._width_ns)) for _ in SIGNALS]

    def entry(self, entry_id: int, entry_type: int, timestamp_ns: int) -> None:
        """Any entry."""
        if not self._read:
            self._first_id = entry_id
            self._reached_ns = max(self._reached_ns, timestamp_ns)
        self._last_id = entry_id
        self._read += 1
        if timestamp_ns < self._newest_ns - _CLOCK_BACK_NS and timestamp_ns in self._window:
            self._clock_back.add(entry_id)
        self._newest_ns = max(self._newest_ns, timestamp_ns)
        if timestamp_ns not in self._window:
            return
        self._by_type.add(ENTRY_TYPES[entry_type], entry_id)
        self._inside.add(entry_id)
        self._quiet_until(timestamp_ns, entry_id)

    def signal(self, kind: int, timestamp_ns: int) -> None:
        """A failing signal inside the window; `kind` counts within `SIGNALS`."""
        self._bins[kind][(timestamp_ns - self._window.start_ns) // self._width_ns] += 1

    def undecodable(self, entry_id: int) -> None:
        """An entry whose data are not what its type says."""
        self._undecodable.add(entry_id)

    def finished(self) -> Activity:
        """What was seen."""
        horizon_ns = min(self._newest_ns, self._window.end_ns)
        self._quiet_until(horizon_ns, 0)
        length_ns, from_ns, ended_by = self._silence
        after = Trail()
        if ended_by:
            after.add(ended_by)
        return Activity(
            self._by_type.rows(),
            self._inside.evidence(),
            self._first_id,
            self._last_id,
            self._read,
            self._newest_ns,
            length_ns,
            from_ns,
            after.evidence(),
            self._clock_back.evidence(),
            self._undecodable.evidence(),
            Bins(self._window.start_ns, self._width_ns, tuple(tuple(row) for row in self._bins)),
        )

    def _quiet_until(self, timestamp_ns: int, entry_id: int) -> None:
        if timestamp_ns - self._reached_ns > self._silence[0]:
            self._silence = (timestamp_ns - self._reached_ns, self._reached_ns, entry_id)
        self._reached_ns = max(self._reached_ns, timestamp_ns)
