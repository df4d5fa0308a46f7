"""DBOS's log lines as events of ours. Unless it finds a handler, DBOS writes to standard error in its own format."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)

SAID_ELSEWHERE = ("Exception encountered in asynchronous workflow", "Asyncio task cancelled for workflow or step")
"""Lines about jobs that worker.py logs itself, with their job."""


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if not message.startswith(SAID_ELSEWHERE):
            trace = {"exc_info": record.exc_info} if record.exc_info else {}
            log.log(record.levelno, "durable.engine", message=message, **trace)


@contextmanager
def forwarded() -> Iterator[None]:
    """Warnings and errors of DBOS go to our log."""
    vendor = logging.getLogger("dbos")
    handler = _Forward()
    vendor.addHandler(handler)
    vendor.propagate = False
    try:
        yield
    finally:
        vendor.removeHandler(handler)
