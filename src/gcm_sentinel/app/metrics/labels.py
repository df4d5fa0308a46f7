"""Keeps label values few: names that others choose are counted apart only until there are too many of them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Gauge

OTHER = "other"


class BoundedNames:
    """The first `most` different names as they are, later ones as ``other``; empty ones as ``unknown``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        """The label value for `name`."""
        if not name:
            return "unknown"
        if name not in self._known and len(self._known) >= self._most:
            return OTHER
        self._known.add(name)
        return name


def replace_all(gauge: Gauge, values: Iterable[tuple[tuple[str, ...], float]]) -> None:
    """Make `values` (by label values) the whole of `gauge`: what is no longer named is no longer exposed."""
    gauge.clear()
    for labels, value in values:
        gauge.labels(*labels).set(value)
