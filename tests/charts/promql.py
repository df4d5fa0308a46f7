"""Which metrics and labels a PromQL expression asks for, by Prometheus' own grammar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser as pp

_PARTS = ("expr", "lhs", "rhs", "param", "vector_selector")


def selectors(text: str) -> list[Any]:
    """Every vector selector of an expression; Grafana's variables are given a value first.

    Raises:
        ValueError: it is no PromQL.
    """
    return list(_walk(pp.parse(text.replace("$__rate_interval", "5m"))))


def _walk(node: Any) -> Iterator[Any]:
    if isinstance(node, pp.VectorSelector):
        yield node
        return
    for part in _PARTS:
        child = getattr(node, part, None)
        if child is not None:
            yield from _walk(child)
    for argument in getattr(node, "args", None) or ():
        yield from _walk(argument)
