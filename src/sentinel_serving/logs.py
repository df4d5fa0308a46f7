"""Structured logs on standard error: one event a line, as JSON or as text for people.

What libraries say by Python's own logging becomes an event like ours, `library.said`.
"""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level_name: str, style: str) -> None:
    """Set the process's logging once, at start; `style` is ``json`` or ``text``."""
    level = logging.getLevelNamesMapping()[level_name.upper()]
    as_text: list[structlog.types.Processor] = [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    ]
    as_json: list[structlog.types.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str),
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(as_text if style == "text" else as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_FromLibraries()], force=True)
    logging.captureWarnings(capture=True)


class _FromLibraries(logging.Handler):
    """Hands on what libraries say."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(record.levelno // 10 * 10, logging.CRITICAL)  # structlog knows no levels in between
        structlog.get_logger().log(
            level, "library.said", library=record.name, words=record.getMessage(), exc_info=record.exc_info
        )
