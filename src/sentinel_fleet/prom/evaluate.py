"""The evaluation: a plan over a series source, for one moment or for a range of steps.

Every node is evaluated for all steps at once (see `rows`). The only public entries are `evaluate_instant` and
`evaluate_range`; they do no I/O beyond reading the source and may run in any thread.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sentinel_fleet.prom import binary, plan
from sentinel_fleet.prom.aggregates import aggregate, count_values
from sentinel_fleet.prom.calls import check_quantiles, evaluate_call, mapped
from sentinel_fleet.prom.errors import invalid_parameter, unsupported
from sentinel_fleet.prom.ranges import tracks
from sentinel_fleet.prom.rows import Labels, Row, merged
from sentinel_fleet.prom.storage import Storage

Points: TypeAlias = list[tuple[int, float]]
"""(epoch milliseconds, value), ascending."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query."""

    kind: plan.Kind
    series: list[tuple[Labels, Points]]
    """Label sets with their points: one each for a vector, one nameless series for a scalar."""
    text: str = ""
    """The value of a string result."""
    at_ms: int = 0
    warnings: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)


def evaluate_instant(node: plan.Node, storage: Storage, at_ms: int) -> Answer:
    """The query's value at one moment.

    Raises:
        PromError: the query has no answer over this data.
    """
    evaluation = _Evaluation(storage, (at_ms, at_ms))
    kind = plan.kind_of(node)
    if isinstance(node, plan.Text):
        return Answer(kind, [], text=node.value, at_ms=at_ms)
    series = evaluation.raw(node, at_ms) if isinstance(node, plan.Range) else evaluation.points(node, [at_ms])
    return evaluation.answer(kind, series, at_ms)


@dataclass(frozen=True, slots=True)
class Steps:
    """The moments of a range query."""

    start_ms: int
    end_ms: int
    step_ms: int

    def moments(self) -> list[int]:
        """Every evaluation time."""
        return list(range(self.start_ms, self.end_ms + 1, self.step_ms))


def evaluate_range(node: plan.Node, storage: Storage, steps: Steps) -> Answer:
    """The query's value at every step.

    Raises:
        PromError: the query has no answer over this data, or is a string or a range vector.
    """
    if plan.kind_of(node) not in ("scalar", "vector"):
        name = "range vector" if plan.kind_of(node) == "matrix" else "string"
        raise invalid_parameter(
            "query", f'invalid expression type "{name}" for range query, must be Scalar or instant Vector'
        )
    evaluation = _Evaluation(storage, (steps.start_ms, steps.end_ms))
    series = sorted(evaluation.points(node, steps.moments()), key=_by_labels)
    return evaluation.answer("matrix", series, steps.end_ms)


class _Evaluation:
    """One evaluation; knows the query's own range (for `@ start()`) and gathers what there is to remark."""

    def __init__(self, storage: Storage, span: tuple[int, int]) -> None:
        self.storage = storage
        self._span = span
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    def warn(self, message: str) -> None:
        """Add a warning to the answer, once."""
        self._warnings[message] = None

    def inform(self, message: str) -> None:
        """Add an info to the answer, once."""
        self._infos[message] = None

    def answer(self, kind: plan.Kind, series: list[tuple[Labels, Points]], at_ms: int) -> Answer:
        """The finished answer."""
        return Answer(kind, series, at_ms=at_ms, warnings=list(self._warnings), infos=list(self._infos))

    def points(self, node: plan.Node, steps: list[int]) -> list[tuple[Labels, Points]]:
        """The node's values as series of points."""
        if plan.kind_of(node) == "scalar":
            return [({}, list(zip(steps, self.scalars(node, steps), strict=True)))]
        series = []
        for row in self.rows(node, steps):
            present = [(step, value) for step, value in zip(steps, row.values, strict=True) if value is not None]
            if present:
                series.append((row.labels, present))
        return series

    def raw(self, node: plan.Range, at_ms: int) -> list[tuple[Labels, Points]]:
        """The samples in a range vector's window, at their own times."""
        (end,) = self.times(node.moment, [at_ms])
        series = []
        for track in tracks(self, node, [end]):
            first, last = bisect_right(track.times, end - node.range_ms), bisect_right(track.times, end)
            if first < last:
                points = list(zip(track.times[first:last], track.values[first:last], strict=True))
                series.append((track.labels, points))
        return sorted(series, key=_by_labels)

    def times(self, moment: plan.Moment, steps: list[int]) -> list[int]:
        """When a selector looks at each step."""
        if moment.at is None:
            return [step - moment.offset_ms for step in steps]
        return [self._pinned(moment.at) - moment.offset_ms] * len(steps)

    def _pinned(self, at: int | Literal["start", "end"]) -> int:
        if at == "start":
            return self._span[0]
        return self._span[1] if at == "end" else at

    def scalars(self, node: plan.Node, steps: list[int]) -> list[float]:
        """A scalar expression's value at each step."""
        match node:
            case plan.Number():
                return [node.value] * len(steps)
            case plan.Negate():
                return [-value for value in self.scalars(node.body, steps)]
            case plan.Binary():
                pairs = zip(self.scalars(node.left, steps), self.scalars(node.right, steps), strict=True)
                return [binary.scalar_operation(node.op, left, right) for left, right in pairs]
            case plan.Call(name="time"):
                return [step / 1000 for step in steps]
            case plan.Call(name="pi"):
                return [math.pi] * len(steps)
            case plan.Call(name="scalar"):
                return _only(self.rows(node.arguments[0], steps), len(steps))
            case _:
                raise unsupported("this scalar expression")

    def rows(self, node: plan.Node, steps: list[int]) -> list[Row]:
        """A vector expression's rows."""
        match node:
            case plan.Selector():
                return self.storage.instant(node.matchers, self.times(node.moment, steps))
            case plan.Negate():
                return merged(mapped(self.rows(node.body, steps), lambda value, _: -value, []))
            case plan.Binary():
                return self._binary(node, steps)
            case plan.Aggregate():
                return self._aggregate(node, steps)
            case plan.Call():
                return evaluate_call(self, node, steps)
            case _:
                raise unsupported("this vector expression")

    def _binary(self, node: plan.Binary, steps: list[int]) -> list[Row]:
        if plan.kind_of(node.left) == "scalar":
            scalars = self.scalars(node.left, steps)
            return binary.with_scalar(node, self.rows(node.right, steps), scalars, scalar_left=True)
        left = self.rows(node.left, steps)
        if plan.kind_of(node.right) == "scalar":
            return binary.with_scalar(node, left, self.scalars(node.right, steps), scalar_left=False)
        right = self.rows(node.right, steps)
        self.storage.budget.spend(0)
        if node.op in binary.SET_OPERATORS:
            return binary.set_operation(node, left, right, len(steps))
        return binary.between_vectors(node, left, right, len(steps))

    def _aggregate(self, node: plan.Aggregate, steps: list[int]) -> list[Row]:
        rows = self.rows(node.body, steps)
        self.storage.budget.spend(0)
        if isinstance(node.parameter, plan.Text):
            return count_values(node, node.parameter.value, rows, len(steps))
        parameters = [] if node.parameter is None else self.scalars(node.parameter, steps)
        if node.op == "quantile":
            check_quantiles(self, _extremes(parameters))
        return aggregate(node, rows, parameters, len(steps))


def _by_labels(series: tuple[Labels, Points]) -> list[tuple[str, str]]:
    return sorted(series[0].items())


def _only(rows: list[Row], steps: int) -> list[float]:
    """The value of the one series at each step; NaN where there is none or more than one."""
    results = []
    for step in range(steps):
        values = [value for row in rows if (value := row.values[step]) is not None]
        results.append(values[0] if len(values) == 1 else math.nan)
    return results


def _extremes(values: list[float]) -> set[float]:
    """What the aggregation warns of: one NaN stands for all, else the lowest and the highest."""
    if any(math.isnan(value) for value in values):
        return {math.nan}
    return {min(values), max(values)}
