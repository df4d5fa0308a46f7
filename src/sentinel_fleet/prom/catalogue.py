"""What there is to query: series, label names and values, metadata and scrape targets.

A series is listed when it has a sample in the asked-for time; without bounds, when it is alive now or was within the
last hours. Series whose first sample lies in the future do not show.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from sentinel_fleet.ports import LabelMatcher, Series, SeriesSource
from sentinel_fleet.prom.budget import Budget
from sentinel_fleet.prom.respond import Json, sorted_labels
from sentinel_fleet.prom.rows import METRIC_NAME, Labels, label_key
from sentinel_fleet.prom.storage import SCRAPE_INTERVAL_MS, STALE_AFTER_MS

_EVERYTHING = (LabelMatcher(METRIC_NAME, "!=", ""),)
_DEFAULT_REACH_S = 6 * 3600.0
_STALE_AFTER_S = STALE_AFTER_MS / 1000


class Catalogue:
    """The source as far as one time range shows it."""

    def __init__(self, source: SeriesSource, budget: Budget, start_s: float | None, end_s: float) -> None:
        self._source = source
        self._budget = budget
        self._start_s = end_s - _DEFAULT_REACH_S if start_s is None else start_s
        self._end_s = end_s

    def series(self, selectors: Sequence[Sequence[LabelMatcher]]) -> Iterator[Labels]:
        """The label sets that match any of the selectors; of everything, where there are none."""
        seen = set()
        for matchers in selectors or (_EVERYTHING,):
            for series in self._source.select(matchers):
                if not self._present(series):
                    continue
                key = label_key(series.labels)
                if key not in seen:
                    seen.add(key)
                    yield series.labels

    def label_names(self, selectors: Sequence[Sequence[LabelMatcher]]) -> list[str]:
        """Every label name in use."""
        return sorted({name for labels in self._labels(selectors) for name in labels})

    def label_values(self, name: str, selectors: Sequence[Sequence[LabelMatcher]]) -> list[str]:
        """Every value of one label."""
        if name == METRIC_NAME and not selectors:
            return sorted(self._metric_names())
        return sorted({value for labels in self._labels(selectors) if (value := labels.get(name))})

    def _metric_names(self) -> Iterator[str]:
        suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
        for family, (kind, _) in self._source.metadata().items():
            for suffix in suffixes.get(kind, ("",)):
                matchers = (LabelMatcher(METRIC_NAME, "=", family + suffix),)
                if any(self._present(series) for series in self._source.select(matchers)):
                    yield family + suffix

    def _labels(self, selectors: Sequence[Sequence[LabelMatcher]]) -> Iterator[Labels]:
        for matchers in selectors or (_EVERYTHING,):
            yield from (series.labels for series in self._source.select(matchers) if self._present(series))

    def _present(self, series: Series) -> bool:
        self._budget.spend(1)
        recent = max(self._start_s, self._end_s - _STALE_AFTER_S)
        return bool(series.samples(recent, self._end_s)) or bool(series.samples(self._start_s, self._end_s))


def metadata(source: SeriesSource, metric: str, limit: int | None) -> dict[str, list[dict[str, str]]]:
    """Type and help by metric."""
    known = source.metadata()
    names: Iterable[str] = [metric] if metric else sorted(known)
    described = {
        name: [{"type": known[name][0], "help": known[name][1], "unit": ""}] for name in names if name in known
    }
    return dict(list(described.items())[:limit])


def targets(source: SeriesSource, budget: Budget, now_s: float) -> list[dict[str, Json]]:
    """The scrape targets as `up` shows them."""
    found = []
    for series in source.select((LabelMatcher(METRIC_NAME, "=", "up"),)):
        budget.spend(1)
        samples = series.samples(now_s - _STALE_AFTER_S, now_s)
        if samples:
            found.append(_target(series.labels, *samples[-1]))
    return sorted(found, key=lambda target: (target["scrapePool"], target["scrapeUrl"]))


def _target(labels: Mapping[str, str], scraped_s: float, up: float) -> dict[str, Json]:
    identity = {name: value for name, value in labels.items() if name != METRIC_NAME}
    address = identity.get("instance", "")
    url = f"http://{address}/metrics"
    return {
        "discoveredLabels": {
            "__address__": address,
            "__metrics_path__": "/metrics",
            "__scheme__": "http",
            "job": identity.get("job", ""),
        },
        "labels": sorted_labels(identity),
        "scrapePool": identity.get("job", ""),
        "scrapeUrl": url,
        "globalUrl": url,
        "lastError": "" if up else f'Get "{url}": context deadline exceeded',
        "lastScrape": datetime.fromtimestamp(scraped_s, UTC).isoformat().replace("+00:00", "Z"),
        "lastScrapeDuration": 0.02 if up else 10.0,
        "health": "up" if up else "down",
        "scrapeInterval": f"{SCRAPE_INTERVAL_MS // 1000}s",
        "scrapeTimeout": "10s",
    }
