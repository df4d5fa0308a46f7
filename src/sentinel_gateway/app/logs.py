"""The gateway's log: as its settings have it, or apart from what a command answers."""

from __future__ import annotations

import sys

import structlog

from sentinel_gateway.app.settings import Log
from sentinel_serving import logs


def configure(settings: Log) -> None:
    """Set the process's logging once, at start."""
    logs.configure(settings.level, settings.format)


def to_standard_error() -> None:
    """Keep what is logged apart from a command's answer."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))  # whichever it is by then
