"""Structured logs on standard error: one event a line, JSON outside a terminal, readable inside one."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Set the process's logging once, at start."""
    terminal = sys.stderr.isatty()
    plain = structlog.dev.ConsoleRenderer(
        exception_formatter=structlog.dev.plain_traceback
    )  # no locals: keys are there
    renderers: list[structlog.types.Processor] = (
        [plain] if terminal else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
