"""What a node's own agent can save before an operation destroys it: asked by the agent itself, never by a model.

It is a data source so that its answer takes the way of all evidence: secrets removed, hashed, stored under a name, one
recorded step. It is registered nowhere, because no investigation needs it: everything in it can be asked for by smaller
tools. Only the capture before a reset or a reboot has it (remediation/capture.py), where nobody may ask a second time.

A node may send 256 MiB. Kept are the end of the log, which is its newest lines, and the beginnings of everything else
(clients/node_agent_evidence.py); what was left out is told, with the digest of the whole as it was sent. Where the log
was cut within a private key, what is left of the key goes too: without its first line nothing would know it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.datasources.tool_calls import as_json, failed, node_name, of_error, within
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.node_agent import KERNEL_LOG, CapturedEvidence, CapturedPart, EvidenceQuestion, NodeEvidence
from gcm_sentinel.domain.protocols import Availability, Clock, Scope
from gcm_sentinel.domain.summaries import CapturedPartSummary, NodeEvidenceSummary
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

WITHIN = timedelta(seconds=100)
"""A node whose driver hangs gives each of its parts 20 s at most, and says so of the others at once."""
MOST_PARTS = 100
_LONGEST_KEY_BYTES = 32 << 10
"""Of a private key as text: of 16,384 bits it takes 13 KiB, and more where every line of it is one of a log."""
_KEY_ENDS = re.compile(rb"-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BEGINS = re.compile(rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BEFORE = timedelta(minutes=30)
_AT_LEAST, _AT_MOST = timedelta(hours=1), timedelta(hours=24)
_SKEW = timedelta(seconds=5)
_CONTROLS = {code: " " for code in (*range(32), 127, *range(0x80, 0xA0), 0x2028, 0x2029) if chr(code) not in "\n\t"}

CAPTURE = ToolSpec(
    "capture_node_evidence",
    "Everything that a reset or reboot of the node would destroy, from the node's own agent.",
    {
        "type": "object",
        "properties": {"node_name": {"type": "string", "description": "Exact node name."}},
        "required": ["node_name"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class _Kept:
    """One part as it is stored."""

    part: CapturedPart
    text: str
    kept_bytes: int


class NodeEvidenceSource:
    """Evidence of nodes, captured whole."""

    def __init__(self, agents: NodeEvidence, clock: Clock, within: timedelta = WITHIN) -> None:
        self._agents = agents
        self._clock = clock
        self._within_s = within.total_seconds()

    @property
    def name(self) -> str:
        """``node_agent``."""
        return "node_agent"

    async def is_available(self) -> Availability:
        """Each node has an agent of its own; whether it answers shows at the call."""
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`capture_node_evidence`."""
        return (CAPTURE,)

    def get_system_prompt_section(self) -> str:
        """Nothing: no model is offered it."""
        return ""

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Have the node's agent capture what it can."""
        try:
            node = node_name(call, scope)
        except ValueError as error:
            return failed(call.name, str(error))
        now = self._clock.now()
        since = _since(scope, now)
        query = f"CaptureEvidence {node} since {since.isoformat()}"
        question = EvidenceQuestion(since=since, reason=scope.incident.id[:200])
        try:
            async with within(self._within_s, f"the agent on node {node}"):
                captured = await self._agents.capture(node, question)
        except SentinelError as error:
            return of_error(query, error, window=TimeRange(since, now))
        return _answer(captured, query, TimeRange(since, now))


def _since(scope: Scope, now: datetime) -> datetime:
    """From half an hour before the first observation of the incident: an hour back at least, a day at most."""
    first = min((one.transition_at or one.observed_at for one in scope.incident.triggers), default=now)
    return min(now - _AT_LEAST, max(first - _BEFORE, now - _AT_MOST))


def _answer(captured: CapturedEvidence, query: str, window: TimeRange) -> ToolResult:
    kept = list(_kept(captured.parts[:MOST_PARTS]))
    summary: NodeEvidenceSummary = {
        "node": captured.node,
        "boot_id": plain(captured.boot_id, 80),
        "started_at": captured.started.isoformat(),
        "ended_at": captured.ended.isoformat(),
        "parts": [_part(one) for one in kept],
        "parts_total": len(captured.parts),
    }
    return ToolResult(
        ResultStatus.OK if any(one.kept_bytes for one in kept) else ResultStatus.UNAVAILABLE,
        query,
        as_json(summary),
        "\n".join(f"{_title(one)}\n{one.text}" for one in kept),
        time_range=window,
        entities=(node_entity(captured.node),),
        note=" ".join(_notes(captured, kept, window.end)),
    )


def _kept(parts: tuple[CapturedPart, ...]) -> Iterator[_Kept]:
    for part in parts:
        is_cut_off = part.name == KERNEL_LOG and len(part.content) < part.sent_bytes
        content = _without_rest_of_key(part.content.partition(b"\n")[2]) if is_cut_off else part.content
        yield _Kept(part, _lines(content), len(content))


def _without_rest_of_key(content: bytes) -> bytes:
    """What comes after a private key that began before it; all of it where none did."""
    ends = _KEY_ENDS.search(content, 0, _LONGEST_KEY_BYTES)
    if ends is None or _KEY_BEGINS.search(content, 0, ends.start()):
        return content
    return content[ends.end() :]


def _lines(content: bytes) -> str:
    """Its lines, set in by a blank, so that none of them can pass for the title of a part."""
    text = content.decode("utf-8", "replace").translate(_CONTROLS)
    return "\n".join(f" {line}" for line in text.split("\n") if line)


def _title(kept: _Kept) -> str:
    part = kept.part
    if part.missing:
        return f"== {plain(part.name, 120)}: missing: {plain(part.missing, 300)}"
    return f"== {plain(part.name, 120)}: {kept.kept_bytes} of {part.sent_bytes} bytes, SHA-256 {part.sha256}"


def _part(kept: _Kept) -> CapturedPartSummary:
    part = kept.part
    return {
        "name": plain(part.name, 120),
        "sent_bytes": part.sent_bytes,
        "kept_bytes": kept.kept_bytes,
        "sha256": part.sha256,
        "cut_by_node": part.is_truncated,
        "missing": plain(part.missing, 300),
    }


def _notes(captured: CapturedEvidence, kept: list[_Kept], now: datetime) -> Iterator[str]:
    missing = [f"{plain(one.part.name, 120)}: {plain(one.part.missing, 200)}" for one in kept if one.part.missing]
    if missing:
        yield f"The node could not give {'; '.join(missing[:20])}."
    cut = [plain(one.part.name, 120) for one in kept if one.kept_bytes < one.part.sent_bytes or one.part.is_truncated]
    if cut:
        yield f"Not whole: {', '.join(cut[:20])}."
    if len(captured.parts) > len(kept):
        yield f"{len(captured.parts) - len(kept)} parts more were left out."
    skew = captured.started - now
    if abs(skew) >= _SKEW:
        side = "ahead of" if skew > timedelta(0) else "behind"
        yield f"The node's clock is {abs(skew).total_seconds():.0f} s {side} ours: its log was cut by its own time."
