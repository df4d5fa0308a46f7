"""Reading samples for a query: instant values with look-back and staleness, and windows.

Prometheus writes a staleness marker when a target stops exposing a series, so a series ends one scrape interval after
its last sample and not five minutes later. The simulated source has gaps instead of markers; a gap longer than one
interval is read as one.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sentinel_fleet.ports import LabelMatcher, Series, SeriesSource
from sentinel_fleet.prom.budget import Budget
from sentinel_fleet.prom.rows import Labels, Row

LOOKBACK_MS = 300_000
SCRAPE_INTERVAL_MS = 30_000
_SCRAPE_SLACK_MS = 5_000
STALE_AFTER_MS = SCRAPE_INTERVAL_MS + _SCRAPE_SLACK_MS


@dataclass(frozen=True, slots=True)
class Track:
    """Samples of one series, times in epoch milliseconds, ascending."""

    labels: Labels
    times: Sequence[int]
    values: Sequence[float]


class Storage:
    """A source seen by one query: within its budget, and nothing of the future."""

    def __init__(self, source: SeriesSource, budget: Budget, now_ms: int, stale_after_ms: int = STALE_AFTER_MS) -> None:
        self.budget = budget
        self._source = source
        self._now_ms = now_ms
        self._reach_ms = min(LOOKBACK_MS, stale_after_ms)

    def tracks(self, matchers: Sequence[LabelMatcher], after_ms: int, until_ms: int) -> Iterator[Track]:
        """The matching series with their samples in (after, until]; series without any are left out."""
        for series in self._source.select(matchers):
            yield from self._read(series, after_ms, until_ms)

    def _read(self, series: Series, after_ms: int, until_ms: int) -> tuple[Track, ...]:
        start_s, end_s = (after_ms + 0.5) / 1000, (min(until_ms, self._now_ms) + 0.5) / 1000
        samples = series.samples(start_s, end_s)
        self.budget.spend(len(samples))
        if not samples:
            return ()
        times, values = [round(time * 1000) for time, _ in samples], [float(value) for _, value in samples]
        return (Track(series.labels, times, values),)

    def newest(self, matchers: Sequence[LabelMatcher], after_ms: int, until_ms: int) -> Iterator[Track]:
        """Like `tracks`, for whoever wants the newest sample only: older ones may be missing."""
        near_ms = max(after_ms, min(until_ms, self._now_ms) - LOOKBACK_MS)
        for series in self._source.select(matchers):
            yield from self._read(series, near_ms, until_ms) or self._read(series, after_ms, until_ms)

    def instant(self, matchers: Sequence[LabelMatcher], times: Sequence[int]) -> list[Row]:
        """The value each series has at each of `times`."""
        return [Row(track.labels, values) for track, values, _ in self._lookups(matchers, times)]

    def timestamps(self, matchers: Sequence[LabelMatcher], times: Sequence[int]) -> list[Row]:
        """Like `instant`, but the epoch seconds at which each value was scraped."""
        return [Row(track.labels, moments) for track, _, moments in self._lookups(matchers, times)]

    def _lookups(
        self, matchers: Sequence[LabelMatcher], times: Sequence[int]
    ) -> Iterator[tuple[Track, list[float | None], list[float | None]]]:
        if not times:
            return
        for track in self.tracks(matchers, min(times) - self._reach_ms, max(times)):
            found = [self._latest(track.times, time) for time in times]
            if any(index is not None for index in found):
                yield (
                    track,
                    [None if index is None else track.values[index] for index in found],
                    [None if index is None else track.times[index] / 1000 for index in found],
                )

    def _latest(self, times: Sequence[int], now: int) -> int | None:
        index = bisect_right(times, now) - 1
        return index if index >= 0 and times[index] > now - self._reach_ms else None
