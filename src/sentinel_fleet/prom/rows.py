"""Instant vectors over many steps at once: one row per series, one value per step.

Evaluating row by row instead of step by step means that labels are hashed once per series, which is what makes a
fleet of 40,000 series answerable in Python. A step without a sample is None; NaN is a value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sentinel_fleet.prom.errors import execution

Labels: TypeAlias = Mapping[str, str]
LabelKey: TypeAlias = frozenset[tuple[str, str]]

METRIC_NAME = "__name__"
SAME_LABELSET = "vector cannot contain metrics with the same labelset"


@dataclass(slots=True)
class Row:
    """One series of an instant vector over the steps of an evaluation."""

    labels: Labels
    values: list[float | None]

    @property
    def empty(self) -> bool:
        """No step has a sample."""
        return all(value is None for value in self.values)


def label_key(labels: Labels) -> LabelKey:
    """What makes two label sets the same."""
    return frozenset(labels.items())


def without_name(labels: Labels) -> dict[str, str]:
    """The labels less the metric name, which an operation that changes the meaning drops."""
    return {name: value for name, value in labels.items() if name != METRIC_NAME}


def keep(labels: Labels, names: Iterable[str]) -> dict[str, str]:
    """The labels called one of `names`."""
    return {name: labels[name] for name in names if labels.get(name)}


def drop(labels: Labels, names: Iterable[str]) -> dict[str, str]:
    """The labels not called any of `names`."""
    unwanted = frozenset(names)
    return {name: value for name, value in labels.items() if name not in unwanted}


def describe(labels: Labels) -> str:
    """The label set as Prometheus prints it in its messages."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def merged(rows: Iterable[Row]) -> list[Row]:
    """Rows with the same labels become one, as long as no step has a value in both.

    Raises:
        PromError: two rows with the same labels have a value at the same step.
    """
    by_key: dict[LabelKey, Row] = {}
    for row in rows:
        other = by_key.setdefault(label_key(row.labels), row)
        if other is not row:
            _absorb(other, row)
    return list(by_key.values())


def _absorb(into: Row, row: Row) -> None:
    for step, value in enumerate(row.values):
        if value is None:
            continue
        if into.values[step] is not None:
            raise execution(SAME_LABELSET)
        into.values[step] = value


class RowCollector:
    """Gathers values that arrive step by step into rows."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._rows: dict[LabelKey, Row] = {}

    def add(self, step: int, labels: Labels, value: float) -> None:
        """Record one value.

        Raises:
            PromError: this step already has a value under these labels.
        """
        row = self._rows.get(key := label_key(labels))
        if row is None:
            row = self._rows[key] = Row(labels, [None] * self._steps)
        if row.values[step] is not None:
            raise execution(SAME_LABELSET)
        row.values[step] = value

    def rows(self) -> list[Row]:
        """What was gathered, in the order the label sets first came."""
        return list(self._rows.values())
