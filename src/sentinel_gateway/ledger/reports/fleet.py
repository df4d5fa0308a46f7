"""Every GPU the ledger tells of: what it is, how long it stood in which state, on which days it was probed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.ledger.reports.evidence import NO_EVIDENCE, Evidence, Trail
from sentinel_gateway.ledger.reports.incident_line import IncidentLine
from sentinel_gateway.ledger.reports.incidents import IncidentTally
from sentinel_gateway.ledger.reports.state_line import UNKNOWN, StateLine, StateTimes
from sentinel_gateway.ledger.reports.window import NS_PER_DAY, Window
from sentinel_sdk.ledger.entry import EntryGpu

_IDENTITY = ("hostname", "device_index", "model", "driver_version", "firmware_version")


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """One GPU."""

    gpu: EntryGpu
    """As it was last described."""
    first_ns: int
    """Of the first entry about it; 0 for a GPU that is expected but has none."""
    last_ns: int
    entries: Evidence
    """In the whole kept ledger."""
    entries_in_window: int
    probe_days: int
    """Days of the window with a probe result."""
    known_days: int
    """Days of the window that lie between its first entry and the ledger's newest."""
    described_anew: Evidence
    """Entries that describe it with another host, driver, firmware or model."""
    changes: Evidence
    """Its state changes in the whole kept ledger."""
    times: StateTimes


@dataclass(frozen=True, slots=True)
class Fleet:
    """All GPUs of the window, by UUID."""

    gpus: tuple[GpuFacts, ...]
    seen_later: int
    """GPUs whose first entry lies after the window; not among `gpus`."""
    horizon_ns: int
    """Until when the ledger knows anything, at most the window's end."""
    window: Window

    def ns_in(self, *states: int) -> int:
        """GPU-nanoseconds in these states together; `UNKNOWN` counts like a state."""
        return sum(gpu.times.ns_in[state] for gpu in self.gpus for state in states)

    @property
    def known_ns(self) -> int:
        """GPU-nanoseconds with a known state."""
        return sum(sum(gpu.times.ns_in) - gpu.times.ns_in[UNKNOWN] for gpu in self.gpus)


class _Track:
    __slots__ = (
        "anew",
        "changes",
        "days",
        "first_ns",
        "gpu",
        "incidents",
        "inside",
        "last_ns",
        "line",
        "said",
        "trail",
    )

    def __init__(self, uuid: str, window: Window, incidents: IncidentTally) -> None:
        self.gpu = EntryGpu(uuid)
        self.said: EntryGpu | None = None
        self.line = StateLine(window)
        self.incidents = IncidentLine(uuid, incidents.found)
        self.trail = Trail()
        self.changes = Trail()
        self.anew = Trail()
        self.first_ns = 0
        self.last_ns = 0
        self.inside = 0
        self.days = 0


class FleetTally:
    """Takes every entry that names a GPU."""

    def __init__(self, window: Window, incidents: IncidentTally) -> None:
        self._window = window
        self._incidents = incidents
        self._tracks: dict[str, _Track] = {}

    def seen(self, gpu: EntryGpu, entry_id: int, timestamp_ns: int) -> None:
        """An entry about a GPU."""
        track = self._track(gpu.uuid)
        if gpu is not track.said:
            self._describe(track, gpu, entry_id)
        first = not track.trail.entries
        track.first_ns = timestamp_ns if first else min(track.first_ns, timestamp_ns)
        track.last_ns = timestamp_ns if first else max(track.last_ns, timestamp_ns)
        track.trail.add(entry_id)
        track.line.seen(timestamp_ns)
        track.inside += timestamp_ns in self._window

    def signal(self, uuid: str, entry_id: int, timestamp_ns: int) -> None:
        """A failing signal; the GPU was `seen` by this entry."""
        self._track(uuid).incidents.signal(timestamp_ns, entry_id)

    def change(self, uuid: str, entry_id: int, timestamp_ns: int, states: tuple[int, int]) -> None:
        """A state change, from and to; the GPU was `seen` by this entry."""
        track = self._track(uuid)
        at_ns = track.line.change(timestamp_ns, *states)
        if states[0] == states[1]:
            return
        track.changes.add(entry_id)
        track.incidents.change(at_ns, *states, entry_id)

    def probed(self, uuid: str, from_ns: int, to_ns: int) -> None:
        """Probes ran between these times."""
        window = self._window
        if to_ns < window.start_ns or from_ns >= window.end_ns or from_ns > to_ns:
            return
        first = (max(from_ns, window.start_ns) - window.start_ns) // NS_PER_DAY
        last = (min(to_ns, window.end_ns - 1) - window.start_ns) // NS_PER_DAY
        self._track(uuid).days |= ((1 << (last - first + 1)) - 1) << first

    def finished(self, newest_ns: int, *, complete: bool, expected: Iterable[str] = ()) -> Fleet:
        """The fleet, where the newest entry of the ledger is from `newest_ns`.

        `complete`: no entry was ever removed. `expected`: UUIDs that should be there; without entry they are unknown.
        """
        horizon_ns = min(newest_ns, self._window.end_ns)
        found, later = [], 0
        for uuid in sorted({*self._tracks, *expected}):
            track = self._tracks.get(uuid) or _Track(uuid, self._window, self._incidents)
            track.incidents.unfinished()
            if track.trail.entries and track.first_ns >= self._window.end_ns:
                later += 1
                continue
            found.append(self._facts(track, horizon_ns, complete=complete))
        return Fleet(tuple(found), later, horizon_ns, self._window)

    def _facts(self, track: _Track, horizon_ns: int, *, complete: bool) -> GpuFacts:
        known = bool(track.trail.entries)
        return GpuFacts(
            track.gpu,
            track.first_ns,
            track.last_ns,
            track.trail.evidence() if known else NO_EVIDENCE,
            track.inside,
            track.days.bit_count(),
            self._days(track.first_ns, horizon_ns) if known else 0,
            track.anew.evidence(),
            track.changes.evidence(),
            track.line.closed(horizon_ns, complete=complete and known),
        )

    def _days(self, from_ns: int, to_ns: int) -> int:
        start_ns = max(from_ns, self._window.start_ns)
        if to_ns <= start_ns:
            return 0
        origin_ns = self._window.start_ns
        return (to_ns - 1 - origin_ns) // NS_PER_DAY - (start_ns - origin_ns) // NS_PER_DAY + 1

    def _track(self, uuid: str) -> _Track:
        track = self._tracks.get(uuid)
        if track is None:
            track = self._tracks[uuid] = _Track(uuid, self._window, self._incidents)
        return track

    @staticmethod
    def _describe(track: _Track, gpu: EntryGpu, entry_id: int) -> None:
        """Empty fields say nothing; others replace what was known, and count where they contradict it."""
        track.said = gpu
        said = {name: getattr(gpu, name) for name in _IDENTITY if getattr(gpu, name)}
        contradicts = any(getattr(track.gpu, name) not in (value, "", 0) for name, value in said.items())
        track.gpu = replace(track.gpu, **said)
        if contradicts:
            track.anew.add(entry_id)


def state_name(state: int) -> str:
    """A state as a word; unknown time too."""
    return "UNKNOWN" if state == UNKNOWN else HealthState(state).name
