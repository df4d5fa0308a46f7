"""Reading the GPU series of one node from Prometheus: by which label it is named, and where a series really ends.

Windows up to two hours are read as raw samples. Longer ones are a range of at most 240 steps whose last minutes come
from raw samples, because a range query repeats the last sample of a dead series for five minutes.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from gcm_sentinel.clients.prometheus import PrometheusClient, PromSeries
from gcm_sentinel.datasources.durations import spell
from gcm_sentinel.datasources.gpu_labels import NODE_LABELS
from gcm_sentinel.datasources.gpu_panel import compared
from gcm_sentinel.domain.evidence import TimeRange

RAW_UP_TO = timedelta(hours=2)
MAX_STEPS = 240
LOOK_BACK = timedelta(days=7)
"""How far back the labels of a silent exporter are looked for."""
_TAIL = timedelta(minutes=10)


class GpuSeries:
    """The reads behind one comparison."""

    def __init__(self, client: PrometheusClient, node: str, window: TimeRange) -> None:
        self._client = client
        self._node = node
        self._start, self._end = window.start, window.end
        self._length = window.end - window.start

    async def series(self, names: Sequence[str]) -> tuple[tuple[PromSeries, ...], str]:
        """The series of these metrics on the node, by the first node label that yields any, and the query."""
        selector = ""
        for matcher in node_matchers(self._node):
            selector = f'{{__name__=~"{"|".join(names)}",{matcher}}}'
            found = await self._history(selector)
            if found:
                return found, selector
        first = node_matchers(self._node)[0]
        return (
            (),
            f'{{__name__=~"{"|".join(names)}",{first}}} and {len(node_matchers(self._node)) - 1} other node labels',
        )

    async def exporter_up(self, series: Sequence[PromSeries]) -> PromSeries | None:
        """The `up` series of the node's GPU exporter over the window; None when there is none."""
        known = next((one.labels for one in series), None) or await self._last_known()
        selectors = []
        if known is not None and known.get("instance"):
            selectors.append(f'up{{instance="{known["instance"]}",job="{known.get("job", "")}"}}')
        selectors += [f'up{{job=~".*dcgm.*",{matcher}}}' for matcher in node_matchers(self._node)]
        for selector in selectors:
            found = await self._history(selector)
            if found:
                return max(found, key=lambda one: one.points[-1][0] if one.points else 0.0)
        return None

    async def _last_known(self) -> dict[str, str] | None:
        """Labels of the node's GPU series of the last days, for a node that has none in the window."""
        names = "|".join(compared("DCGM_FI_DEV_GPU_TEMP").spellings)
        for label in NODE_LABELS[:2]:
            matcher = f'{{__name__=~"{names}",{label}="{self._node}"}}'
            found = await self._client.series([matcher], self._end - LOOK_BACK, self._end)
            if found:
                return dict(found[-1])
        return None

    async def _history(self, selector: str) -> tuple[PromSeries, ...]:
        if self._length <= RAW_UP_TO:
            return (await self._client.query(f"{selector}[{spell(self._length)}]", at=self._end)).series
        step = step_of(self._length)
        coarse = (await self._client.query_range(selector, self._start, self._end, step)).series
        tail = (await self._client.query(f"{selector}[{spell(_TAIL)}]", at=self._end)).series if coarse else ()
        return joined(coarse, tail, self._end.timestamp())


def node_matchers(node: str) -> tuple[str, ...]:
    """Label matchers that name exactly this node, the usual ones first."""
    exact = [f'{label}="{node}"' for label in NODE_LABELS]
    return (*exact, f'instance=~"{node.replace(".", "[.]")}(:[0-9]+)?"')


def joined(coarse: Sequence[PromSeries], tail: Sequence[PromSeries], end_s: float) -> tuple[PromSeries, ...]:
    """Range results with their last minutes taken from raw samples.

    A range query repeats the last sample for five minutes; what the raw samples do not show has ended before.
    """
    cut_s = end_s - _TAIL.total_seconds()
    raw = {tuple(sorted(one.labels.items())): one.points for one in tail}
    kept = []
    for one in coarse:
        points = tuple(pair for pair in one.points if pair[0] <= cut_s)
        points += raw.get(tuple(sorted(one.labels.items())), ())
        if points:
            kept.append(PromSeries(one.labels, points))
    return tuple(kept)


def step_of(length: timedelta) -> timedelta:
    """A step in whole multiples of 15 s that gives at most 240 points."""
    return timedelta(seconds=max(15, math.ceil(length.total_seconds() / MAX_STEPS / 15) * 15))


def data_object(series: Sequence[PromSeries], kind: str) -> dict[str, object]:
    """Series in the shape of Prometheus' own ``data`` object."""
    key = "values" if kind == "matrix" else "value"
    rows = []
    for one in series:
        pairs = [[round(at, 3), number(value)] for at, value in one.points]
        rows.append({"metric": dict(one.labels), key: pairs if kind == "matrix" else pairs[0] if pairs else []})
    return {"resultType": kind, "result": rows}


def raw_by_metric(series: Sequence[PromSeries]) -> str:
    """All series as text: one ``data`` object for each metric name."""
    named: dict[str, list[PromSeries]] = defaultdict(list)
    for one in series:
        named[one.labels.get("__name__", "")].append(one)
    return compact({name: data_object(found, "matrix") for name, found in sorted(named.items())})


def compact(value: object) -> str:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def number(value: float) -> str:
    """A sample value as Prometheus writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
