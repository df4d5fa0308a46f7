"""Function calls: each takes the call's arguments apart and hands the work to the function's own module."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from sentinel_fleet.prom import plan
from sentinel_fleet.prom.errors import unsupported
from sentinel_fleet.prom.histogram import histogram_quantile
from sentinel_fleet.prom.numbers import format_general
from sentinel_fleet.prom.pointwise import DATE_FUNCTIONS, POINT_FUNCTIONS, PointFunction
from sentinel_fleet.prom.ranges import RangeEvaluation, absent_labels, absent_over_time, over_windows
from sentinel_fleet.prom.relabel import label_join, label_replace
from sentinel_fleet.prom.rows import Row, merged, without_name
from sentinel_fleet.prom.windows import WINDOW_FUNCTIONS


class CallEvaluation(RangeEvaluation, Protocol):
    """What a function call needs of the evaluation it is part of."""

    def scalars(self, node: plan.Node, steps: list[int]) -> list[float]:
        """A scalar expression's value at each step."""
        ...

    def warn(self, message: str) -> None:
        """Add a warning to the answer."""
        ...


def evaluate_call(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    """The rows of a function call that answers a vector."""
    special = _SPECIAL.get(node.name)
    if special is not None:
        return special(evaluation, node, steps)
    if node.name in WINDOW_FUNCTIONS:
        return _window_call(evaluation, node, steps)
    if node.name in DATE_FUNCTIONS:
        return _date_call(evaluation, node, steps)
    function = POINT_FUNCTIONS.get(node.name)
    if function is None:
        raise unsupported(f'function "{node.name}"')
    rows = evaluation.rows(node.arguments[0], steps)
    arguments = [evaluation.scalars(argument, steps) for argument in node.arguments[1:]]
    return merged(mapped(rows, function, arguments))


def mapped(rows: list[Row], function: PointFunction, arguments: list[list[float]]) -> list[Row]:
    """Each sample through the function, names dropped; `arguments` are scalars per step."""

    def value(step: int, sample: float | None) -> float | None:
        return None if sample is None else function(sample, [argument[step] for argument in arguments])

    return [
        Row(without_name(row.labels), [value(step, sample) for step, sample in enumerate(row.values)]) for row in rows
    ]


def check_quantiles(evaluation: CallEvaluation, quantiles: Iterable[float]) -> None:
    """Warn of quantiles that are none."""
    for q in quantiles:
        if not 0 <= q <= 1:
            evaluation.warn(f"PromQL warning: quantile value should be between 0 and 1, got {format_general(q)}")


def _window_call(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    window = next(argument for argument in node.arguments if isinstance(argument, plan.Range))
    others = [argument for argument in node.arguments if not isinstance(argument, plan.Range)]
    parameters = evaluation.scalars(others[0], steps) if others else []
    if node.name == "absent_over_time":
        return absent_over_time(evaluation, window, steps)
    rows = over_windows(evaluation, node.name, window, steps, parameters)
    if node.name == "quantile_over_time" and rows:
        check_quantiles(evaluation, parameters)
    return rows


def _date_call(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    now: list[float | None] = [float(step // 1000) for step in steps]
    rows = evaluation.rows(node.arguments[0], steps) if node.arguments else [Row({}, now)]
    return merged(mapped(rows, DATE_FUNCTIONS[node.name], []))


def _absent(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    (argument,) = node.arguments
    rows = evaluation.rows(argument, steps)
    values = [1.0 if all(row.values[step] is None for row in rows) else None for step in range(len(steps))]
    return [Row(absent_labels(argument), values)]


def _vector(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    return [Row({}, list(evaluation.scalars(node.arguments[0], steps)))]


def _timestamp(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    (argument,) = node.arguments
    if isinstance(argument, plan.Selector):
        rows = evaluation.storage.timestamps(argument.matchers, evaluation.times(argument.moment, steps))
        return merged(mapped(rows, lambda value, _: value, []))
    now = [[step / 1000 for step in steps]]
    return merged(mapped(evaluation.rows(argument, steps), lambda _, moment: moment[0], now))


def _sort(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    rows = evaluation.rows(node.arguments[0], steps)
    if len(steps) != 1:
        return rows
    sign = -1.0 if node.name == "sort_desc" else 1.0

    def order(row: Row) -> tuple[bool, float]:
        value = row.values[0]
        return (True, 0.0) if value is None or math.isnan(value) else (False, sign * value)

    return sorted(rows, key=order)


def _histogram_quantile(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    quantiles = evaluation.scalars(node.arguments[0], steps)
    check_quantiles(evaluation, quantiles)
    rows, warnings, infos = histogram_quantile(evaluation.rows(node.arguments[1], steps), quantiles)
    for warning in warnings:
        evaluation.warn(warning)
    for info in infos:
        evaluation.inform(info)
    return rows


def _texts(nodes: Sequence[plan.Node]) -> list[str]:
    if not all(isinstance(node, plan.Text) for node in nodes):
        raise unsupported("a computed string argument")
    return [node.value for node in nodes if isinstance(node, plan.Text)]


def _label_replace(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    target, replacement, source, pattern = _texts(node.arguments[1:])
    return label_replace(evaluation.rows(node.arguments[0], steps), target, replacement, source, pattern)


def _label_join(evaluation: CallEvaluation, node: plan.Call, steps: list[int]) -> list[Row]:
    target, separator, *sources = _texts(node.arguments[1:])
    return label_join(evaluation.rows(node.arguments[0], steps), target, separator, sources)


_SPECIAL: dict[str, Callable[[CallEvaluation, plan.Call, list[int]], list[Row]]] = {
    "absent": _absent,
    "histogram_quantile": _histogram_quantile,
    "label_join": _label_join,
    "label_replace": _label_replace,
    "sort": _sort,
    "sort_desc": _sort,
    "timestamp": _timestamp,
    "vector": _vector,
}
