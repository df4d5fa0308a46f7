"""What happens when a summary is not shaped as promised: the part that needed it is left out, the rest goes on.

A fault of a data source must not end an investigation. Findings turn unknown, names fall back to the node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")

SHAPE_ERRORS = (KeyError, TypeError, ValueError, IndexError, AttributeError)


def safely(make: Callable[[], T], fallback: T, part: str) -> T:
    """`make()`, or `fallback` with a log line when a summary lacks what `part` needs."""
    try:
        return make()
    except SHAPE_ERRORS as error:
        log.warning("playbook.summary_malformed", part=part, reason=f"{type(error).__name__}: {error}")
        return fallback
