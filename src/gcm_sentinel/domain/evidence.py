"""Evidence: one tool result, kept whole, with what is needed to check a claim against it.

`summary` is the typed, small form (its shapes are in `domain/summaries/`); `raw` is everything the source returned.
The model sees the summary and the head and tail of `raw`, and may page through the rest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.jsontypes import JsonObject


class ResultStatus(StrEnum):
    """What a tool result is worth."""

    OK = "ok"
    NO_DATA = "no_data"
    """The source answered and has nothing: absence was observed."""
    ERROR = "error"
    """The request failed; nothing was observed."""
    UNAVAILABLE = "unavailable"
    """The source is off or out of reach; `note` says why and how to enable it."""

    @property
    def observed(self) -> bool:
        """Whether the world was really looked at, so that absence may be claimed from it."""
        return self in (ResultStatus.OK, ResultStatus.NO_DATA)


DESK = "remediation"
"""Source of evidence that notes what the agent means to do; nothing was observed for it, whatever its status."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The stretch of time a result speaks about, both ends in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a data source returns for one call."""

    status: ResultStatus
    query: str
    """The exact query, path or command that was sent."""
    summary: JsonObject = field(default_factory=dict)
    raw: str = ""
    """The whole result as text; never cut."""
    time_range: TimeRange | None = None
    entities: tuple[Entity, ...] = ()
    """What authoritative fields of the result (never free text) show to exist."""
    note: str = ""
    """For error and unavailable: what failed, which value, what to do."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A tool result as it was stored, with its place in the investigation."""

    id: str
    """``E1``, ``E2`` ... in the order the calls were made."""
    source: str
    tool: str
    arguments: JsonObject
    result: ToolResult
    observed_at: datetime
    digest: str
    """SHA-256 of the canonical content."""


def digest(source: str, tool: str, arguments: JsonObject, result: ToolResult) -> str:
    """SHA-256 (hex) over source, tool, arguments, query, status, summary, raw text and note of a result.

    The same before and after a store wrote and read it. Half a character (a lone surrogate) is hashed as it is.
    """
    parts = [source, tool, arguments, result.query, str(result.status), result.summary, result.raw, result.note]
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()
