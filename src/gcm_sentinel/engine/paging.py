"""`read_evidence`: more of the raw text of evidence already gathered, for a model that was shown head and tail.

It is answered from the transcript and not from the store, and sees only what earlier turns gathered. That makes it a
pure function, so it needs no recorded step and cannot race with the calls beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.transcript import ToolCall, ToolReply, ToolSpec
from gcm_sentinel.engine.transcript import render_evidence

READ_EVIDENCE = ToolSpec(
    name="read_evidence",
    description="Show more of the raw text of evidence already gathered: from a character offset, or around a word.",
    parameters={
        "type": "object",
        "properties": {
            "evidence_id": {"type": "string", "description": "E1, E2, ..."},
            "offset": {"type": "integer", "description": "first character to show", "minimum": 0},
            "find": {"type": "string", "description": "show lines with this text instead; empty for none"},
        },
        "required": ["evidence_id", "offset", "find"],
        "additionalProperties": False,
    },
)


def read_evidence(call: ToolCall, gathered: Sequence[Evidence], *, room: int) -> ToolReply:
    """The answer to a call of `READ_EVIDENCE`, at most about `room` characters."""
    wanted = str(call.arguments.get("evidence_id", ""))
    evidence = next((item for item in gathered if item.id == wanted), None)
    if evidence is None:
        return ToolReply(call, f"There is no evidence {wanted!r} of an earlier turn.", is_error=True)
    return ToolReply(call, page(evidence, call.arguments, room=room))


def page(evidence: Evidence, arguments: object, *, room: int) -> str:
    """A part of the raw text: lines that hold `find`, else `room` characters from `offset`."""
    given = arguments if isinstance(arguments, Mapping) else {}
    raw, find = evidence.result.raw, str(given.get("find") or "")
    if find:
        lines = [line for line in raw.splitlines() if find.lower() in line.lower()]
        found = "\n".join(lines)
        cut = (
            "" if len(found) <= room else f" Only the first {room} characters of them are shown: find something rarer."
        )
        return f"{len(lines)} lines of {evidence.id} hold {find!r}.{cut}\n{_part(evidence, found[:room])}"
    start = _offset(given.get("offset"))
    if start >= len(raw):
        return f"{evidence.id} has {len(raw)} characters; there is nothing at offset {start}."
    end = min(start + room, len(raw))
    return f"Characters {start} to {end} of {len(raw)}.\n{_part(evidence, raw[start:end])}"


def _part(evidence: Evidence, raw: str) -> str:
    return render_evidence(replace(evidence, result=replace(evidence.result, raw=raw, summary={})), limit=0)


def _offset(given: object) -> int:
    """An offset as models write it, also as text; 0 for what is none."""
    if isinstance(given, str) and given.strip().isdecimal():
        return int(given)
    return int(given) if isinstance(given, int | float) and 0 < given < math.inf else 0
