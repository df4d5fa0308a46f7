"""What a model is shown of a tool result: wrapped as data, and capped.

Together with `brief.py` and `domain/redaction.py` this is the only door between the world and a model. A result is
stored whole; what is shown is its typed summary and the head and tail of its raw text, between markers that text inside
it cannot close. The cap counts characters because the original's setting does (`GCM_SENTINEL_MAX_TOOL_OUTPUT`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from gcm_sentinel.domain.evidence import Evidence, ResultStatus
from gcm_sentinel.domain.jsontypes import Json

_OPEN, _CLOSE = "<evidence", "</evidence>"
_SUMMARY_SHARE = 0.7
_WORDS_MAX = 2000
"""Longest query, note or condition message that is shown; the whole of it stays in the store."""
_TEXT_MAX, _TEXT_LEAST = 600, 80
"""Longest text of a summary that has to be shortened, and what each text may keep however little room there is."""
_PASSES = 24


def render_evidence(evidence: Evidence, *, limit: int) -> str:
    """One piece of evidence as the model sees it, at most about `limit` characters; 0 for no limit."""
    result = evidence.result
    head = [
        f'{_OPEN} id="{evidence.id}" source="{evidence.source}" tool="{evidence.tool}" status="{result.status}">',
        f"query: {_inert(short(result.query))}",
    ]
    if result.time_range:
        head.append(f"time range: {result.time_range.start.isoformat()} to {result.time_range.end.isoformat()}")
    if result.note:
        head.append(f"note: {_inert(short(result.note))}")
    if result.status is ResultStatus.NO_DATA:
        head.append("The source answered and has nothing that matches.")
    body = _body(evidence, limit=limit)
    return "\n".join([*head, *body, _CLOSE])


def _body(evidence: Evidence, *, limit: int) -> list[str]:
    result = evidence.result
    lines = []
    room = limit or len(result.raw) + 1_000_000
    if result.summary:
        summary = shrink(result.summary, limit=int(room * _SUMMARY_SHARE))
        room -= len(summary)
        lines.append(f"summary: {_inert(summary)}")
    if result.raw:
        lines += _raw_lines(evidence.id, result.raw, room=max(room, 400))
    return lines


def _raw_lines(evidence_id: str, raw: str, *, room: int) -> list[str]:
    if len(raw) <= room:
        return ["raw:", _inert(raw)]
    half = room // 2
    hidden = len(raw) - 2 * half
    page = f'read_evidence(evidence_id="{evidence_id}", offset={half})'
    return [
        f"raw ({len(raw)} characters, head and tail shown):",
        _inert(raw[:half]),
        f"[... {hidden} characters not shown; {page} shows them ...]",
        _inert(raw[-half:]),
    ]


class _Shortened(list[Json]):
    """A list that lost its end; its last item says so in words."""

    missing = 0
    """How many items it lost."""


def shrink(summary: Mapping[str, Json], *, limit: int) -> str:
    """A summary as compact JSON that fits `limit`, by shortening its heaviest lists, saying how much was left out.

    The weight a list may have is lowered until all fits: three lines are not cut because another list has a thousand,
    and of lists within lists the ones that hold the bulk go first.
    """
    text, left, weight = _dump(summary), summary, limit
    for _ in range(_PASSES):
        if len(text) <= limit:
            return text
        left = {key: _lightened(item, weight)[0] for key, item in left.items()}
        text, weight = _dump(left), weight * 2 // 3
    return text if len(text) <= limit else text[:limit] + " [summary cut]"


def _lightened(value: Json, weight: int) -> tuple[Json, int]:
    """`value` with no list heavier than `weight`, and about how many characters of it stand outside of its lists."""
    if isinstance(value, str):
        longest = max(_TEXT_LEAST, min(_TEXT_MAX, weight))
        kept = value if len(value) <= longest else value[:longest] + " [cut]"
        return kept, len(kept) + 2
    if isinstance(value, int | float):  # most leaves; asking for a mapping first takes them ten times as long
        return value, len(str(value))
    if isinstance(value, Mapping):
        parts = {key: _lightened(item, weight) for key, item in value.items()}
        return {key: part for key, (part, _) in parts.items()}, sum(len(k) + 6 + n for k, (_, n) in parts.items())
    if isinstance(value, Sequence):
        return _first_of(value, weight), 2
    return value, len(str(value))


def _first_of(items: Sequence[Json], weight: int) -> Sequence[Json]:
    """As many of the first `items` as weigh no more than `weight`, one at least; lists inside weigh for themselves."""
    missing = items.missing if isinstance(items, _Shortened) else 0
    whole = items[:-1] if missing else items
    kept, heavy = _Shortened(), 0
    for item in whole:
        part, own = _lightened(item, weight)
        heavy += own + 2
        if kept and heavy > weight:
            break
        kept.append(part)
    kept.missing = missing + len(whole) - len(kept)
    if kept.missing:
        kept.append(f"[{kept.missing} more not shown]")
    return kept


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)


def short(text: str, longest: int = _WORDS_MAX) -> str:
    """`text`, or its beginning and how much was cut."""
    return text if len(text) <= longest else f"{text[:longest]} [{len(text) - longest} characters cut]"


def _inert(text: str) -> str:
    """Text that cannot close or open an evidence block."""
    return text.replace("<evidence", "<\u200bevidence").replace("</evidence", "<\u200b/evidence")
