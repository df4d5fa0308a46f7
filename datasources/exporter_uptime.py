"""Whether a node's GPU exporter is scraped, and since when it is not, from Prometheus' own `up`.

A window may lie wholly inside an outage, so the beginning of the outage is looked for further back, up to a week: first
coarsely, then in raw samples around the step in which it happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gcm_sentinel.clients.prometheus import PromSeries
from gcm_sentinel.datasources.durations import spell
from gcm_sentinel.datasources.gpu_labels import NODE_LABELS
from gcm_sentinel.datasources.gpu_panel import compared
from gcm_sentinel.datasources.gpu_series import NodeSeries, node_matchers

LOOK_BACK = timedelta(days=7)
_SILENT_S = 300.0
"""A target whose `up` has no sample for so long is no longer scraped at all."""
_GAP = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Uptime:
    """What `up` says of the exporter."""

    up: bool | None
    """None when Prometheus has no such target."""
    down_since: float | None = None
    """Epoch seconds; when it has been down for all of the last week, the oldest sample of that week."""
    series: PromSeries | None = None
    """`up` over the window."""


async def exporter_uptime(reads: NodeSeries, series: Sequence[PromSeries]) -> Uptime:
    """The state of the exporter behind `series`, or of the one the node had in the last week.

    Raises:
        SentinelError: Prometheus failed or refused.
    """
    for selector in await _selectors(reads, series):
        found = await reads.history(selector, reads.end - reads.start)
        latest = max(found, key=_last_at, default=None)
        if latest is None or reads.end.timestamp() - _last_at(latest) > _SILENT_S:
            continue
        since = down_since(latest.points)
        if since is None:
            return Uptime(up=True, series=latest)
        return Uptime(up=False, down_since=await _beginning(reads, selector, latest, since), series=latest)
    return Uptime(up=None)


def down_since(points: Sequence[tuple[float, float]]) -> float | None:
    """When the run of zeros at the end of an `up` series began; None when it is up, or there is none."""
    since = None
    for at, value in reversed(points):
        if value != 0:
            break
        since = at
    return since


async def _selectors(reads: NodeSeries, series: Sequence[PromSeries]) -> list[str]:
    """Selectors of the exporter's `up`: by its own instance where that is known, else by the node's name."""
    newest = max(series, key=_last_at, default=None)
    known = newest.labels if newest is not None else await _last_known(reads)
    own = []
    if known is not None and known.get("instance"):
        own = [f"up{{instance={quoted(known['instance'])},job={quoted(known.get('job', ''))}}}"]
    return [*own, *(f'up{{job=~".*dcgm.*",{matcher}}}' for matcher in node_matchers(reads.node))]


async def _last_known(reads: NodeSeries) -> Mapping[str, str] | None:
    names = "|".join(compared("DCGM_FI_DEV_GPU_TEMP").spellings)
    for label in NODE_LABELS[:2]:
        selector = f'{{__name__=~"{names}",{label}="{reads.node}"}}'
        found = await reads.client.series([selector], reads.end - LOOK_BACK, reads.end)
        if found:
            return found[-1]
    return None


async def _beginning(reads: NodeSeries, selector: str, window: PromSeries, since: float) -> float:
    """The first failed scrape of the outage that lasts until now."""
    points = window.points
    if since == points[0][0]:
        longer = await reads.history(selector, LOOK_BACK)
        points = max(longer, key=_last_at, default=window).points
        since = down_since(points) or since
    before = max((at for at, value in points if at < since), default=None)
    if before is None or since - before > _GAP.total_seconds() or since - before < 60:
        return since
    gap = timedelta(seconds=round(since - before) + 60)
    raw = await reads.client.query(f"{selector}[{spell(gap)}]", at=datetime.fromtimestamp(since, UTC))
    return next((at for one in raw.series if (at := down_since(one.points)) is not None), since)


def quoted(value: str) -> str:
    """A label value as PromQL writes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _last_at(series: PromSeries) -> float:
    return series.points[-1][0] if series.points else 0.0
