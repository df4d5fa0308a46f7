"""Aggregations: many series of a group in, one series (or the k best) out.

An aggregation function sees the values a group has at one step, in the order of the series, never an empty list.
"""

import math
from collections.abc import Callable, Sequence

from sentinel_fleet.prom import numbers
from sentinel_fleet.prom.errors import execution
from sentinel_fleet.prom.plan import Aggregate
from sentinel_fleet.prom.rows import METRIC_NAME, LabelKey, Labels, Row, RowCollector, drop, keep, label_key

_INT64 = 2.0**63


def _variance(values: Sequence[float]) -> float:
    count, average, spread = 1.0, values[0], 0.0 if math.isfinite(values[0]) else math.nan
    for value in values[1:]:
        count += 1
        delta = value - average
        average += delta / count
        spread += delta * (value - average)
    return spread / count


def _minimum(values: Sequence[float]) -> float:
    best = values[0]
    for value in values[1:]:
        if value < best or math.isnan(best):
            best = value
    return best


def _maximum(values: Sequence[float]) -> float:
    best = values[0]
    for value in values[1:]:
        if value > best or math.isnan(best):
            best = value
    return best


_SIMPLE: dict[str, Callable[[list[float]], float]] = {
    "sum": numbers.total,
    "avg": numbers.mean,
    "min": _minimum,
    "max": _maximum,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stdvar": _variance,
    "stddev": lambda values: numbers.square_root(_variance(values)),
}

AGGREGATIONS = frozenset(_SIMPLE) | {"quantile", "topk", "bottomk", "count_values"}


def _group_labels(node: Aggregate, labels: Labels) -> dict[str, str]:
    if node.without:
        return drop(labels, (*node.grouping, METRIC_NAME))
    return keep(labels, node.grouping)


def _groups(node: Aggregate, rows: list[Row]) -> list[tuple[Labels, list[Row]]]:
    if not rows:
        return []
    if not node.grouping and not node.without:
        return [({}, rows)]
    members: dict[LabelKey, tuple[Labels, list[Row]]] = {}
    for row in rows:
        labels = _group_labels(node, row.labels)
        members.setdefault(label_key(labels), (labels, []))[1].append(row)
    return list(members.values())


def aggregate(node: Aggregate, rows: list[Row], parameters: list[float], steps: int) -> list[Row]:
    """The aggregation's rows; `parameters` holds its scalar argument per step, empty where it takes none.

    Raises:
        PromError: k is not a number an int64 can hold.
    """
    if node.op in ("topk", "bottomk"):
        return _best(node, rows, parameters, steps)
    function = _SIMPLE.get(node.op)
    return [
        Row(labels, [_value(function, members, parameters, step) for step in range(steps)])
        for labels, members in _groups(node, rows)
    ]


def _value(
    function: Callable[[list[float]], float] | None, members: list[Row], parameters: list[float], step: int
) -> float | None:
    values = [value for row in members if (value := row.values[step]) is not None]
    if not values:
        return None
    return numbers.quantile(parameters[step], values) if function is None else function(values)


def _best(node: Aggregate, rows: list[Row], parameters: list[float], steps: int) -> list[Row]:
    if max(parameters, default=0.0) < 1:
        return []
    if any(math.isnan(k) for k in parameters):
        raise execution("Parameter value is NaN")
    for k in parameters:
        if abs(k) >= _INT64:
            raise execution(f"Scalar value {numbers.format_general(k)} {'over' if k > 0 else 'under'}flows int64")
    sign = -1.0 if node.op == "topk" else 1.0
    collector = RowCollector(steps)
    for _, members in _groups(node, rows):
        for step, k in enumerate(parameters):
            present = [(value, row) for row in members if (value := row.values[step]) is not None]
            present.sort(key=lambda entry: (math.isnan(entry[0]), sign * entry[0]))
            for value, row in present[: max(0, int(k))]:
                collector.add(step, row.labels, value)
    return collector.rows()


def count_values(node: Aggregate, label: str, rows: list[Row], steps: int) -> list[Row]:
    """How many series of each group have each value; the value becomes the label `label`."""
    if not label:
        raise execution('invalid label name ""')
    grouping = node.grouping if node.without else (*node.grouping, label)
    named = Aggregate(node.op, node.body, node.parameter, grouping, node.without)
    counts: dict[tuple[int, LabelKey], tuple[Labels, int]] = {}
    for row in rows:
        for step, value in enumerate(row.values):
            if value is None:
                continue
            group = _group_labels(named, {**row.labels, label: numbers.format_plain(value)})
            key = (step, label_key(group))
            counts[key] = (group, counts[key][1] + 1 if key in counts else 1)
    collector = RowCollector(steps)
    for (step, _), (labels, count) in counts.items():
        collector.add(step, labels, float(count))
    return collector.rows()
