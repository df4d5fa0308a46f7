"""`histogram_quantile` over classic histograms: series with one `le` label per bucket."""

import math

from sentinel_fleet.prom.numbers import divide, parse_float
from sentinel_fleet.prom.rows import LabelKey, Labels, Row, RowCollector, drop, label_key

BUCKET_LABEL = "le"
_NEGLIGIBLE = 1e-12
"""Differences between neighbouring buckets below this share are rounding, not observations."""
_SMALLEST_NORMAL = 2.2250738585072014e-308


def histogram_quantile(rows: list[Row], quantiles: list[float]) -> tuple[list[Row], list[str], list[str]]:
    """The quantile per step of each histogram, with the warnings and the infos to give."""
    collector = RowCollector(len(quantiles))
    warnings: set[str] = set()
    forced = False
    histograms = _histograms(rows, warnings)
    for step, q in enumerate(quantiles):
        for labels, buckets in histograms:
            present = [(bound, count) for bound, row in buckets if (count := row.values[step]) is not None]
            if present:
                value, fixed = _bucket_quantile(q, present)
                forced = forced or fixed
                collector.add(step, labels, value)
    infos = [_FORCED_MONOTONICITY] if forced else []
    return collector.rows(), sorted(warnings), infos


_FORCED_MONOTONICITY = (
    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


def _histograms(rows: list[Row], warnings: set[str]) -> list[tuple[Labels, list[tuple[float, Row]]]]:
    found: dict[LabelKey, tuple[Labels, list[tuple[float, Row]]]] = {}
    for row in rows:
        text = row.labels.get(BUCKET_LABEL, "")
        bound = parse_float(text)
        if bound is None:
            if not row.empty:
                warnings.add(f'PromQL warning: bucket label "le" is missing or has a malformed value of "{text}"')
            continue
        key = label_key(drop(row.labels, (BUCKET_LABEL,)))
        labels = drop(row.labels, (BUCKET_LABEL, "__name__"))
        found.setdefault(key, (labels, []))[1].append((bound, row))
    return list(found.values())


def _bucket_quantile(q: float, buckets: list[tuple[float, float]]) -> tuple[float, bool]:
    """The quantile, and whether counts had to be raised to be cumulative."""
    if math.isnan(q):
        return math.nan, False
    if not 0 <= q <= 1:
        return (-math.inf if q < 0 else math.inf), False
    bounds, counts = _coalesced(sorted(buckets, key=lambda bucket: bucket[0]))
    if bounds[-1] != math.inf:
        return math.nan, False
    forced = _make_monotonic(counts)
    if len(bounds) < 2 or counts[-1] == 0:
        return math.nan, False
    return _interpolate(q * counts[-1], bounds, counts), forced


def _coalesced(buckets: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    bounds: list[float] = []
    counts: list[float] = []
    for bound, count in buckets:
        if bounds and bounds[-1] == bound:
            counts[-1] += count
        else:
            bounds.append(bound)
            counts.append(count)
    return bounds, counts


def _make_monotonic(counts: list[float]) -> bool:
    forced = False
    highest = counts[0]
    for index, count in enumerate(counts[1:], start=1):
        if count == highest:
            continue
        if _almost_equal(highest, count):
            counts[index] = highest
        elif count < highest:
            counts[index] = highest
            forced = True
        else:
            highest = count
    return forced


def _almost_equal(left: float, right: float) -> bool:
    size, difference = abs(left) + abs(right), abs(left - right)
    if left == 0 or right == 0 or size < _SMALLEST_NORMAL:
        return difference < _NEGLIGIBLE * _SMALLEST_NORMAL
    return difference / size < _NEGLIGIBLE


def _interpolate(rank: float, bounds: list[float], counts: list[float]) -> float:
    last = len(counts) - 1
    index = next((position for position in range(last) if counts[position] >= rank), last)
    if index == last:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    below = counts[index - 1] if index else 0.0
    start = bounds[index - 1] if index else 0.0
    return start + (bounds[index] - start) * divide(rank - below, counts[index] - below)
