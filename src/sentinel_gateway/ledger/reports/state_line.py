"""How long one GPU stood in each state within a window, from its state changes alone.

What the arithmetic assumes, because the reports repeat it:

- Changes count in the order of their entry ids, which is the order of the decisions. A change whose time lies before
  the one before it happened, at the earliest, when that one did: no interval is ever negative, and how often this was
  needed is counted.
- Nothing is said about the time before the first entry about a GPU.
- The state before the first change is that change's `from_state`. A GPU without any change is HEALTHY, as everywhere in
  the gateway, unless entries were removed from the ledger: then a change may be among them, and its state is unknown.
- The last state holds until the newest entry of the whole ledger; after that nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.ledger.reports.window import Window

UNKNOWN = 0
"""Stands where a state would, for time about which the ledger says nothing."""
MAX_SEGMENTS = 200
"""Kept for drawing, for each GPU; sums are exact beyond it."""
_STATES = frozenset(int(state) for state in HealthState)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch inside the window."""

    state: int
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class StateTimes:
    """One GPU's window."""

    ns_in: tuple[int, ...]
    """Nanoseconds by state number; index 0 is unknown time, so that the sum is the window's length."""
    final_state: int
    """At the end of the window, or of what is known where that is earlier; 0 for unknown."""
    since_ns: int
    """When it entered that state, or was first seen; 0 where the state is unknown."""
    segments: tuple[Segment, ...]
    changes_in_window: int
    out_of_order: int
    discontinuities: int
    """Changes that start from another state than the one before ended in."""


class StateLine:
    """Takes one GPU's entries in the order of their ids."""

    __slots__ = (
        "_changes",
        "_first_ns",
        "_gaps",
        "_latest",
        "_ns_in",
        "_out_of_order",
        "_segments",
        "_since_ns",
        "_state",
        "_window",
    )

    def __init__(self, window: Window) -> None:
        self._window = window
        self._first_ns: int | None = None
        self._state: int | None = None
        self._since_ns = 0
        self._ns_in = [0] * (len(HealthState) + 1)
        self._segments: list[Segment] = []
        self._changes = 0
        self._out_of_order = 0
        self._gaps = 0
        self._latest = (UNKNOWN, 0, 0)

    @property
    def state(self) -> int | None:
        """The state after the last change; None before the first."""
        return self._state

    def seen(self, timestamp_ns: int) -> None:
        """An entry about this GPU that changes nothing."""
        if self._state is None and (self._first_ns is None or timestamp_ns < self._first_ns):
            self._first_ns = timestamp_ns

    def change(self, timestamp_ns: int, from_state: int, to_state: int) -> int:
        """A change; the answer is when it counts as having happened."""
        self.seen(timestamp_ns)
        begins_ns = self._since_ns if self._state is not None else self._first_ns or 0
        standing = from_state if self._state is None else self._state
        if self._state is not None and from_state not in (UNKNOWN, self._state):
            self._gaps += 1
        at_ns = max(timestamp_ns, begins_ns)
        if to_state == standing:
            self._state, self._since_ns = standing, begins_ns
            return at_ns
        self._out_of_order += at_ns != timestamp_ns
        self._changes += at_ns in self._window
        self._spend(standing, begins_ns, at_ns)
        self._state, self._since_ns = to_state, at_ns
        return at_ns

    def closed(self, horizon_ns: int, *, complete: bool) -> StateTimes:
        """The sums, where nothing is known from `horizon_ns` on; `complete`: no entry was ever removed."""
        state, since_ns = self._state, self._since_ns
        if state is None:
            state = int(HealthState.HEALTHY) if complete else UNKNOWN
            since_ns = horizon_ns if self._first_ns is None else self._first_ns
        self._spend(state, since_ns, horizon_ns)
        self._ns_in[UNKNOWN] = self._window.length_ns - sum(self._ns_in[1:])
        final_state, final_since_ns, until_ns = self._latest
        is_current = until_ns == min(horizon_ns, self._window.end_ns)
        return StateTimes(
            tuple(self._ns_in),
            final_state if is_current else UNKNOWN,
            final_since_ns if is_current else 0,
            tuple(self._segments),
            self._changes,
            self._out_of_order,
            self._gaps,
        )

    def _spend(self, state: int, from_ns: int, to_ns: int) -> None:
        spent_ns = self._window.overlap_ns(from_ns, to_ns)
        if not spent_ns or state not in _STATES:
            return
        self._ns_in[state] += spent_ns
        until_ns = min(to_ns, self._window.end_ns)
        self._latest = (state, from_ns, until_ns)
        if len(self._segments) < MAX_SEGMENTS:
            self._segments.append(Segment(state, max(from_ns, self._window.start_ns), until_ns))
