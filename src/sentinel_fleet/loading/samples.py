"""Which of a world's endless series are to be written down for a real Prometheus, and as what.

Three days of a small fleet are more than a hundred million samples, and an investigation looks at few of them. So what
was read of a world is noted while the simulated Prometheus is asked, and that is written down, from the first moment to
the last that anybody wanted of a series; beside it the last minutes of every series there is, so that a selector that
finds more on the real server than on the simulated one is seen to.

A server that scrapes writes a marker where a series ends; so does this, one scrape after the last sample.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sentinel_fleet.metrics.signals import SCRAPE_S
from sentinel_fleet.ports import LabelMatcher, Series, SeriesSource

Identity: TypeAlias = tuple[tuple[str, str], ...]
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The one NaN that says that a series has ended (https://prometheus.io/docs/specs/prw/remote_write_spec/)."""
_LATE_S = 5.0


@dataclass(frozen=True, slots=True)
class Written:
    """The samples of one series as (epoch seconds, value), ascending, markers among them."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]


class NotedSource:
    """A `SeriesSource` that notes what of it is read."""

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        self._read: dict[Identity, tuple[Series, float]] = {}
        """The earliest moment that was asked for, by label set."""

    def select(self, matchers: Sequence[LabelMatcher]) -> Iterable[Series]:
        """The series of the source."""
        return (_NotedSeries(series, self) for series in self._source.select(matchers))

    def metadata(self) -> Mapping[str, tuple[str, str]]:
        """Of the source."""
        return self._source.metadata()

    def note(self, series: Series, start: float) -> None:
        """Remember that somebody read `series` from `start` on."""
        key = _identity(series)
        before = self._read.get(key)
        self._read[key] = (series, start if before is None else min(start, before[1]))

    def written(self, until: float, recent_s: float) -> Iterator[Written]:
        """Everything that was read, and the last `recent_s` of every other series."""
        for series in self._source.select(()):
            _, start = self._read.get(_identity(series), (series, until))
            taken = series.samples(min(start, until - recent_s) - 2 * SCRAPE_S, until)
            if taken:
                yield Written(series.labels, list(_marked(taken, until)))


class _NotedSeries:
    """One series of a noted source."""

    __slots__ = ("_series", "_source", "labels")

    def __init__(self, series: Series, source: NotedSource) -> None:
        self.labels = series.labels
        self._series = series
        self._source = source

    def samples(self, start: float, end: float) -> Sequence[tuple[float, float]]:
        """Its scrapes."""
        self._source.note(self._series, start)
        return self._series.samples(start, end)


def _identity(series: Series) -> Identity:
    return tuple(sorted(series.labels.items()))


def _marked(samples: Sequence[tuple[float, float]], until: float) -> Iterator[tuple[float, float]]:
    ends = [at for at, _ in samples[1:]] + [until]
    for (at, value), following in zip(samples, ends, strict=True):
        yield at, value
        if following - at > SCRAPE_S + _LATE_S:
            yield at + SCRAPE_S, STALE
