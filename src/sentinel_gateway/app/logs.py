"""Structured logs on standard error: one event a line, as JSON or as text for people.

What libraries say by Python's own logging becomes an event like ours, `library.said`: a line of another shape between
the others would be lost on whoever reads them as JSON.
"""

from __future__ import annotations

import logging
import sys

import structlog

from sentinel_gateway.app.settings import Log


def configure(settings: Log) -> None:
    """Set the process's logging once, at start."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    as_text: list[structlog.types.Processor] = [
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)  # no locals: keys are there
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
            *(as_text if settings.format == "text" else as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_FromLibraries()], force=True)
    logging.captureWarnings(capture=True)


def to_standard_error() -> None:
    """Keep what is logged apart from a command's answer."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))  # whichever it is by then


class _FromLibraries(logging.Handler):
    """Hands on what libraries say."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(record.levelno // 10 * 10, logging.CRITICAL)  # structlog knows no levels in between
        structlog.get_logger().log(
            level, "library.said", library=record.name, words=record.getMessage(), exc_info=record.exc_info
        )
