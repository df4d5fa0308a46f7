"""Reading the GPU series of one node from Prometheus: by which label it is named, and where a series really ends.

Windows up to two hours are read as raw samples. Longer ones are a range of at most 240 steps whose last minutes come
from raw samples, because a range query repeats the last sample of a dead series for five minutes.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

from gcm_sentinel.clients.prometheus import PrometheusClient, PromSeries
from gcm_sentinel.datasources.durations import spell
from gcm_sentinel.datasources.gpu_labels import NODE_LABELS
from gcm_sentinel.domain.evidence import TimeRange

RAW_UP_TO = timedelta(hours=2)
MAX_STEPS = 240
_TAIL = timedelta(minutes=10)


class NodeSeries:
    """Reads of one node's series over a window."""

    def __init__(self, client: PrometheusClient, node: str, window: TimeRange) -> None:
        self.client = client
        self.node = node
        self.start, self.end = window.start, window.end

    async def of_metrics(self, names: Sequence[str]) -> tuple[tuple[PromSeries, ...], str]:
        """The series of these metrics on the node, by the first node label that yields any, and the query.

        Raises:
            SentinelError: Prometheus failed or refused.
        """
        asked = f'__name__=~"{"|".join(names)}"'
        for matcher in node_matchers(self.node):
            found = await self.history(f"{{{asked},{matcher}}}", self.end - self.start)
            if found:
                return found, f"{{{asked},{matcher}}}"
        return (), f"{{{asked},{' | '.join(node_matchers(self.node))}}}"

    async def history(self, selector: str, length: timedelta) -> tuple[PromSeries, ...]:
        """The samples a selector has in the last `length` of the window.

        Raises:
            SentinelError: Prometheus failed or refused.
        """
        if length <= RAW_UP_TO:
            return (await self.client.query(f"{selector}[{spell(length)}]", at=self.end)).series
        coarse = (await self.client.query_range(selector, self.end - length, self.end, step_of(length))).series
        tail = (await self.client.query(f"{selector}[{spell(_TAIL)}]", at=self.end)).series if coarse else ()
        return joined(coarse, tail, self.end.timestamp())


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
    """All series as text: one ``data`` object for each metric name.

    Written here and not by way of `data_object`, because these are tens of thousands of samples of few values.
    """
    named: dict[str, list[str]] = defaultdict(list)
    numbers, moments = _Texts(_quoted), _Texts(_moment)
    for one in series:
        pairs = ",".join([f"[{moments[at]},{numbers[value]}]" for at, value in one.points])
        row = f'{{"metric":{compact(dict(one.labels))},"values":[{pairs}]}}'
        named[one.labels.get("__name__", "")].append(row)
    parts = (
        f'{compact(name)}:{{"resultType":"matrix","result":[{",".join(rows)}]}}' for name, rows in sorted(named.items())
    )
    return f"{{{','.join(parts)}}}"


class _Texts(dict[float, str]):
    """Texts of numbers, each worked out once: series of one exporter share their moments and most of their values."""

    def __init__(self, write: Callable[[float], str]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: float) -> str:
        text = self[value] = self._write(value)
        return text


def _quoted(value: float) -> str:
    return f'"{number(value)}"'


def _moment(at: float) -> str:
    return compact(round(at, 3))


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
