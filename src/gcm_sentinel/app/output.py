"""How a command prints its result; what `--output` may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum

from gcm_sentinel.domain.jsontypes import Json


class Output(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


class Plain(StrEnum):
    """How a result without a page is printed."""

    TEXT = "text"
    JSON = "json"


def print_json(value: Mapping[str, Json]) -> None:
    """Print a result for scripts; what is not ASCII is escaped, because it may be a terminal's command."""
    print(json.dumps(value, indent=1, default=str))
