"""The shape of a series and of a group of siblings: first, last, change points, rates, outliers. Pure.

A typed summary of a range shows a shape instead of hundreds of points, so these numbers decide what an investigation
can see: a burst long ago against a steady climb (`rate_per_min` and `recent_rate_per_min`), a dead series
(`ended_s_ago`), a frozen exporter (`constant`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean, median

from gcm_sentinel.domain.summaries import SeriesStats

Points = Sequence[tuple[float, float]]
"""(epoch seconds, value), ascending."""

OUTLIER_DEVIATION = 4.0
"""From this many robust spreads a GPU counts as different from its peers."""
_MAD_TO_SIGMA = 1.4826
_RELATIVE_FLOOR = 0.02


def iso(epoch_s: float) -> str:
    """An epoch time as ISO-8601 in UTC, its fraction of a second left out."""
    return datetime.fromtimestamp(int(epoch_s), UTC).isoformat().replace("+00:00", "Z")


def shape(points: Points, start_s: float, end_s: float, *, counter: bool) -> SeriesStats | None:
    """The statistics of a series over a range; None when it has no finite point in it.

    For a counter a falling value is a reset: `delta` and the rates add the lost part back.
    """
    kept = [pair for pair in points if math.isfinite(pair[1])]
    if not kept:
        return None
    values = [value for _, value in kept]
    changes = [at for (at, value), before in zip(kept[1:], values, strict=False) if value != before]
    delta, resets = _growth(values) if counter else (values[-1] - values[0], 0)
    stats = SeriesStats(
        points=len(kept),
        first=values[0],
        last=values[-1],
        minimum=min(values),
        maximum=max(values),
        mean=_short(fmean(values)),
        delta=_short(delta),
        resets=resets,
        constant=not changes,
        first_at=iso(kept[0][0]),
        last_at=iso(kept[-1][0]),
        ended_s_ago=round(max(0.0, end_s - kept[-1][0]), 1),
        changed_at=iso(changes[0]) if changes else None,
        last_changed_at=iso(changes[-1]) if changes else None,
        rate_per_min=_rate(kept, delta),
    )
    recent = _recent_rate(kept, end_s - (end_s - start_s) / 10, counter=counter)
    if recent is not None:
        stats["recent_rate_per_min"] = recent
    return stats


def _growth(values: Sequence[float]) -> tuple[float, int]:
    total, resets = 0.0, 0
    for before, after in zip(values, values[1:], strict=False):
        fell = after < before
        total += after if fell else after - before
        resets += fell
    return total, resets


def _rate(kept: Points, delta: float) -> float:
    span_min = (kept[-1][0] - kept[0][0]) / 60
    return _short(delta / span_min) if span_min > 0 else 0.0


def _recent_rate(kept: Points, since_s: float, *, counter: bool) -> float | None:
    recent = [pair for pair in kept if pair[0] >= since_s]
    if len(recent) < 2:
        return None
    values = [value for _, value in recent]
    delta = _growth(values)[0] if counter else values[-1] - values[0]
    return _rate(recent, delta)


def deviations(values: Mapping[int, float], resolution: float) -> dict[int, tuple[float, float]]:
    """For every sibling (median of the others, deviation from it in robust spreads).

    The spread is 1.4826 x MAD of the others, at least 2 % of their median and at least `resolution` (the smallest
    difference that means anything in the metric's unit). Fewer than three others give nothing to compare with.
    """
    found: dict[int, tuple[float, float]] = {}
    for key, value in values.items():
        others = [other for k, other in values.items() if k != key]
        if len(others) < 3:
            return {}
        middle = median(others)
        spread = _MAD_TO_SIGMA * median(abs(other - middle) for other in others)
        spread = max(spread, _RELATIVE_FLOOR * abs(middle), resolution)
        found[key] = (_short(middle), _short((value - middle) / spread))
    return found


def _short(value: float) -> float:
    """At most nine significant digits: figures are quoted, and nobody quotes seventeen."""
    return float(f"{value:.9g}")
