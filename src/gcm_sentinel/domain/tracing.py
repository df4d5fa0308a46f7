"""Spans: what took how long, for whoever collects traces.

A port, so that the code that works knows no vendor and pays nothing when nobody collects. What goes into a span leaves
the process unredacted: names, ids, counts and statuses only, never words of a prompt, a tool result or an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeAlias

Attribute: TypeAlias = str | int | float | bool


class Span(Protocol):
    """One piece of work while it lasts."""

    def set(self, attributes: Mapping[str, Attribute]) -> None:
        """Add what is known by now."""
        ...

    def rename(self, name: str) -> None:
        """Give it the name that only its result tells."""
        ...

    def fail(self, kind: str) -> None:
        """Mark it as failed; `kind` is an error class or status, not a message."""
        ...


class Tracer(Protocol):
    """Opens spans; one opened inside another is its child, also across tasks started inside it."""

    def span(self, name: str, attributes: Mapping[str, Attribute], *, trace: str = "") -> AbstractContextManager[Span]:
        """A span that ends with the block; an exception that leaves the block marks it as failed.

        `trace` makes it the root of a trace of its own. The same word always gives the same trace, so that work resumed
        after a crash, in another process, goes on in the trace it began.
        """
        ...


class _NoSpan:
    """A `Span` nobody looks at."""

    def set(self, attributes: Mapping[str, Attribute]) -> None:
        """Do nothing."""

    def rename(self, name: str) -> None:
        """Do nothing."""

    def fail(self, kind: str) -> None:
        """Do nothing."""


class NoTracing:
    """A `Tracer` that traces nothing: the default."""

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute], *, trace: str = "") -> Iterator[Span]:
        """A block like any other."""
        yield _NoSpan()
