"""Binary operations between vectors, and between a vector and a scalar.

Two series meet when the labels named by `on` (or all but the name and those under `ignoring`) are equal. Uniqueness is
checked per step, as Prometheus does: two series that share a match group but never live at the same time are no
conflict.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field

from sentinel_fleet.prom import numbers
from sentinel_fleet.prom.errors import execution
from sentinel_fleet.prom.plan import Binary, Matching
from sentinel_fleet.prom.rows import (
    METRIC_NAME,
    LabelKey,
    Labels,
    Row,
    RowCollector,
    describe,
    drop,
    keep,
    label_key,
    merged,
    without_name,
)

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": numbers.divide,
    "%": numbers.modulo,
    "^": numbers.power,
    "atan2": math.atan2,
}

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}

SET_OPERATORS = frozenset({"and", "or", "unless"})


def scalar_operation(op: str, left: float, right: float) -> float:
    """Between two scalars; comparisons answer 0 or 1."""
    compare = COMPARISONS.get(op)
    return ARITHMETIC[op](left, right) if compare is None else float(compare(left, right))


def _element(node: Binary, left: float, right: float) -> tuple[float, bool]:
    """The value of one pair and whether it stays."""
    compare = COMPARISONS.get(node.op)
    if compare is None:
        return ARITHMETIC[node.op](left, right), True
    holds = compare(left, right)
    return (float(holds), True) if node.return_bool else (left, holds)


def with_scalar(node: Binary, rows: list[Row], scalars: list[float], *, scalar_left: bool) -> list[Row]:
    """Between each sample and the scalar of its step; a filter keeps the vector's value on either side."""
    renames = node.op in ARITHMETIC or node.return_bool

    def value(step: int, sample: float | None) -> float | None:
        if sample is None:
            return None
        left, right = (scalars[step], sample) if scalar_left else (sample, scalars[step])
        result, stays = _element(node, left, right)
        if not stays:
            return None
        return result if renames else sample

    results = [
        Row(
            without_name(row.labels) if renames else row.labels,
            [value(step, sample) for step, sample in enumerate(row.values)],
        )
        for row in rows
    ]
    return merged(results) if renames else results


def _signature(matching: Matching, labels: Labels) -> LabelKey:
    return label_key(_match_labels(matching, labels))


def _match_labels(matching: Matching, labels: Labels) -> dict[str, str]:
    if matching.on:
        return keep(labels, matching.labels)
    return drop(labels, (*matching.labels, METRIC_NAME))


def set_operation(node: Binary, left: list[Row], right: list[Row], steps: int) -> list[Row]:
    """`and`, `or` and `unless`."""
    if node.op == "or":
        present = _presence(node.matching, left, steps)
        return merged([*left, *_filtered(node.matching, right, present, wanted=False)])
    present = _presence(node.matching, right, steps)
    return _filtered(node.matching, left, present, wanted=node.op == "and")


def _presence(matching: Matching, rows: list[Row], steps: int) -> dict[LabelKey, list[bool]]:
    present: dict[LabelKey, list[bool]] = {}
    for row in rows:
        flags = present.setdefault(_signature(matching, row.labels), [False] * steps)
        for step, value in enumerate(row.values):
            if value is not None:
                flags[step] = True
    return present


def _filtered(matching: Matching, rows: list[Row], present: dict[LabelKey, list[bool]], *, wanted: bool) -> list[Row]:
    results = []
    for row in rows:
        flags = present.get(_signature(matching, row.labels))
        if flags is None:
            if not wanted:
                results.append(row)
            continue
        values = [value if flag == wanted else None for value, flag in zip(row.values, flags, strict=True)]
        results.append(Row(row.labels, values))
    return results


@dataclass(slots=True)
class _Join:
    """The state of one vector-to-vector operation; `many` is the side that may repeat a match group."""

    node: Binary
    many: list[Row]
    one: list[Row]
    many_keys: list[LabelKey]
    one_keys: list[LabelKey]
    labels: dict[tuple[int, int], dict[str, str]] = field(default_factory=dict)


def between_vectors(node: Binary, left: list[Row], right: list[Row], steps: int) -> list[Row]:
    """Arithmetic or comparison between two vectors.

    Raises:
        PromError: a match group is not unique where it must be.
    """
    swapped = node.matching.cardinality == "one-to-many"
    many, one = (right, left) if swapped else (left, right)
    join = _Join(
        node,
        many,
        one,
        [_signature(node.matching, row.labels) for row in many],
        [_signature(node.matching, row.labels) for row in one],
    )
    collector = RowCollector(steps)
    for step in range(steps):
        _join_step(join, step, collector)
    return collector.rows()


def _join_step(join: _Join, step: int, collector: RowCollector) -> None:
    if all(row.values[step] is None for row in join.many):
        return
    partners = _partners(join, step)
    matched: set[LabelKey] = set()
    grouped: set[tuple[LabelKey, LabelKey]] = set()
    swapped = join.node.matching.cardinality == "one-to-many"
    for index, (row, key) in enumerate(zip(join.many, join.many_keys, strict=True)):
        mine, partner = row.values[step], partners.get(key)
        if mine is None or partner is None:
            continue
        other_index, other = partner
        value, stays = _element(join.node, other, mine) if swapped else _element(join.node, mine, other)
        if not stays:
            continue
        labels = _result_labels(join, index, other_index)
        _check_unique(join.node.matching, key, label_key(labels), matched, grouped)
        collector.add(step, labels, value)


def _partners(join: _Join, step: int) -> dict[LabelKey, tuple[int, float]]:
    partners: dict[LabelKey, tuple[int, float]] = {}
    for index, (row, key) in enumerate(zip(join.one, join.one_keys, strict=True)):
        value = row.values[step]
        if value is None:
            continue
        if key in partners:
            raise execution(_duplicate(join, row, join.one[partners[key][0]]))
        partners[key] = (index, value)
    return partners


def _duplicate(join: _Join, row: Row, earlier: Row) -> str:
    side = "left" if join.node.matching.cardinality == "one-to-many" else "right"
    group = describe(_match_labels(join.node.matching, row.labels))
    return (
        f"found duplicate series for the match group {group} on the {side} hand-side of the operation: "
        f"[{describe(row.labels)}, {describe(earlier.labels)}];many-to-many matching not allowed: "
        "matching labels must be unique on one side"
    )


def _check_unique(
    matching: Matching,
    group: LabelKey,
    result: LabelKey,
    matched: set[LabelKey],
    grouped: set[tuple[LabelKey, LabelKey]],
) -> None:
    if matching.cardinality == "one-to-one":
        if group in matched:
            raise execution(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            )
        matched.add(group)
        return
    if (group, result) in grouped:
        raise execution("multiple matches for labels: grouping labels must ensure unique matches")
    grouped.add((group, result))


def _result_labels(join: _Join, many: int, one: int) -> dict[str, str]:
    known = join.labels.get((many, one))
    if known is not None:
        return known
    node, matching = join.node, join.node.matching
    labels = dict(join.many[many].labels)
    if node.op in ARITHMETIC or node.return_bool:
        labels.pop(METRIC_NAME, None)
    if matching.cardinality == "one-to-one":
        labels = keep(labels, matching.labels) if matching.on else drop(labels, matching.labels)
    for name in matching.include:
        value = join.one[one].labels.get(name)
        if value:
            labels[name] = value
        else:
            labels.pop(name, None)
    join.labels[many, one] = labels
    return labels
