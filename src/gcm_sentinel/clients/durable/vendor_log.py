"""DBOS's log lines as events of ours. Unless it finds a handler, DBOS writes to standard error in its own format.

While its database is away each of DBOS's threads says so at every attempt, several times a second in all. One message
of a kind is therefore passed on in a minute, with the number of those before it that were held back.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from gcm_sentinel.clients.durable.database import VENDOR_ERRORS
from gcm_sentinel.clients.durable.wording import plain

log = structlog.get_logger(__name__)

SAID_ELSEWHERE = ("Exception encountered in asynchronous workflow", "Asyncio task cancelled for workflow or step")
"""Lines about jobs that worker.py logs itself, with their job."""

ONCE_IN_S = 60.0
_MOST_KINDS = 100
"""Remembered at a time; a kind forgotten early is only said once more."""


@dataclass(slots=True)
class _Said:
    at_s: float
    held_back: int = 0


class _Forward(logging.Handler):
    """`logging` calls `emit` from one thread at a time."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._said: dict[str, _Said] = {}

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith(SAID_ELSEWHERE):
            return
        held_back = self._held_back(f"{record.levelname} {kind_of(message)}")
        if held_back is None:
            return
        fields: dict[str, object] = {"held_back": held_back} if held_back else {}
        log.log(record.levelno, "durable.engine", message=plain(message), **fields, **_failure(record))

    def _held_back(self, kind: str) -> int | None:
        """How many of `kind` were held back since one was passed on; None to hold this one back, too."""
        now_s, last = self._monotonic(), self._said.get(kind)
        if last is not None and now_s - last.at_s < ONCE_IN_S:
            last.held_back += 1
            return None
        self._said.pop(kind, None)
        if len(self._said) >= _MOST_KINDS:
            del self._said[next(iter(self._said))]
        self._said[kind] = _Said(now_s)
        return last.held_back if last is not None else 0


def kind_of(message: str) -> str:
    """What messages that differ in their reason, or in a number, have in common."""
    return re.sub(r"\d+", "#", message.partition(":")[0])


def _failure(record: logging.LogRecord) -> dict[str, object]:
    """What was raised: in words where the database said it, with its traceback where it may be a mistake."""
    if not record.exc_info:
        return {}
    error = record.exc_info[1]
    return {"reason": plain(str(error))} if isinstance(error, VENDOR_ERRORS) else {"exc_info": record.exc_info}


@contextmanager
def forwarded(monotonic: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Warnings and errors of DBOS go to our log."""
    vendor = logging.getLogger("dbos")
    handler = _Forward(monotonic)
    vendor.addHandler(handler)
    vendor.propagate = False
    try:
        yield
    finally:
        vendor.removeHandler(handler)
