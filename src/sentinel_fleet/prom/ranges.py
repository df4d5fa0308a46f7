"""Range vectors: where their samples come from, and functions applied window by window."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Protocol

from sentinel_fleet.prom import plan
from sentinel_fleet.prom.budget import TOO_MANY_SAMPLES
from sentinel_fleet.prom.errors import execution
from sentinel_fleet.prom.rows import METRIC_NAME, SAME_LABELSET, Row, label_key, without_name
from sentinel_fleet.prom.storage import Storage, Track
from sentinel_fleet.prom.windows import WINDOW_FUNCTIONS, Window, WindowFunction

_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")
_COUNTER_FUNCTIONS = frozenset({"rate", "increase"})
_MOST_SUBQUERY_STEPS = 1_000_000
_KEEPS_NAME = frozenset({"last_over_time"})
_NEWEST_ONLY = frozenset({"last_over_time", "present_over_time"})


class RangeEvaluation(Protocol):
    """What a range vector needs of the evaluation it is part of."""

    storage: Storage

    def rows(self, node: plan.Node, steps: list[int]) -> list[Row]:
        """A vector expression's rows."""
        ...

    def times(self, moment: plan.Moment, steps: list[int]) -> list[int]:
        """When a selector looks at each step."""
        ...

    def inform(self, message: str) -> None:
        """Add an info to the answer."""
        ...


def tracks(evaluation: RangeEvaluation, node: plan.Range, ends: Sequence[int]) -> Iterator[Track]:
    """The series of a range vector with all samples any window that ends at one of `ends` may hold."""
    if not ends:
        return
    after, until = min(ends) - node.range_ms, max(ends)
    if isinstance(node.source, plan.Selector):
        yield from evaluation.storage.tracks(node.source.matchers, after, until)
        return
    step = node.source.step_ms
    moments = range((after // step + 1) * step, until + 1, step)
    if len(moments) > _MOST_SUBQUERY_STEPS:
        raise execution(TOO_MANY_SAMPLES)
    inner = list(moments)
    for row in evaluation.rows(node.source.body, inner):
        kept = [(time, value) for time, value in zip(inner, row.values, strict=True) if value is not None]
        evaluation.storage.budget.spend(len(kept))
        if kept:
            yield Track(row.labels, [time for time, _ in kept], [value for _, value in kept])


def over_windows(
    evaluation: RangeEvaluation, name: str, node: plan.Range, steps: list[int], parameters: list[float]
) -> list[Row]:
    """The window function `name` at every step; `parameters` is its scalar argument per step, or empty.

    Raises:
        PromError: dropping the metric name makes two series the same.
    """
    ends = evaluation.times(node.moment, steps)
    rows = []
    for track in _tracks_for(evaluation, name, node, ends):
        frames = _frames(track, node.range_ms, steps, ends, parameters)
        values = _applied(WINDOW_FUNCTIONS[name], frames)
        if all(value is None for value in values):
            continue
        rows.append(Row(track.labels if name in _KEEPS_NAME else without_name(track.labels), values))
        _remark_non_counter(evaluation, name, track.labels.get(METRIC_NAME, ""))
    if len({label_key(row.labels) for row in rows}) < len(rows):
        raise execution(SAME_LABELSET)
    return rows


def _tracks_for(evaluation: RangeEvaluation, name: str, node: plan.Range, ends: list[int]) -> Iterator[Track]:
    """The series as far as the function looks at them: a day of samples is not drawn for the last of them."""
    if name in _NEWEST_ONLY and len(ends) == 1 and isinstance(node.source, plan.Selector):
        return evaluation.storage.newest(node.source.matchers, ends[0] - node.range_ms, ends[0])
    return tracks(evaluation, node, ends)


def _frames(
    track: Track, range_ms: int, steps: list[int], ends: list[int], parameters: list[float]
) -> Iterator[Window | None]:
    for index, (step, end) in enumerate(zip(steps, ends, strict=True)):
        first = bisect_right(track.times, end - range_ms)
        last = bisect_right(track.times, end)
        if first == last:
            yield None
            continue
        times, values = track.times[first:last], track.values[first:last]
        if parameters:
            yield Window(times, values, end - range_ms, end, step, parameters[index])
        else:
            yield Window(times, values, end - range_ms, end, step)


def _applied(function: WindowFunction, frames: Iterator[Window | None]) -> list[float | None]:
    return [None if window is None else function(window) for window in frames]


def _remark_non_counter(evaluation: RangeEvaluation, function: str, metric: str) -> None:
    if function in _COUNTER_FUNCTIONS and metric and not metric.endswith(_COUNTER_SUFFIXES):
        evaluation.inform(
            f'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "{metric}"'
        )


def absent_over_time(evaluation: RangeEvaluation, node: plan.Range, steps: list[int]) -> list[Row]:
    """1 at the steps whose window holds no sample of any series."""
    ends = evaluation.times(node.moment, steps)
    present = [False] * len(steps)
    for track in tracks(evaluation, node, ends):
        for index, end in enumerate(ends):
            newest = bisect_right(track.times, end)
            if newest and track.times[newest - 1] > end - node.range_ms:
                present[index] = True
    return [Row(absent_labels(node), [None if there else 1.0 for there in present])]


def absent_labels(node: plan.Node) -> dict[str, str]:
    """The labels an absent series would have had, as far as equality matchers tell."""
    source = node.source if isinstance(node, plan.Range) else node
    if not isinstance(source, plan.Selector):
        return {}
    labels: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in source.matchers:
        if matcher.name == METRIC_NAME:
            continue
        if matcher.op == "=" and matcher.name not in seen:
            seen.add(matcher.name)
            labels[matcher.name] = matcher.value
        else:
            labels.pop(matcher.name, None)
    return {name: value for name, value in labels.items() if value}
