"""How a command prints its result; what `--output` may be."""

from __future__ import annotations

from enum import StrEnum


class Output(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


class Plain(StrEnum):
    """How a result without a page is printed."""

    TEXT = "text"
    JSON = "json"
