"""A stored transcript played back: for the web page, for debugging and for tests without a provider.

Only the model's part is replayed; tools run again and may show another world. The replay holds as long as the
conversation goes as it did: the same node and condition, the same tools on offer, the same evidence ids for the same
calls. Anything else is an error that says where it went another way, because a verdict citing other evidence would be
a lie. Replayed turns cost nothing and say so: no tokens, no latency.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.transcript import ModelTurn, ToolReplies, ToolSpec, Transcript, Usage
from gcm_sentinel.domain.transcript_json import transcript_from_json


class ReplayModel:
    """The engine ``replay``."""

    def __init__(self, recorded: Transcript) -> None:
        """Prefer `from_transcript` and `from_file`."""
        self._recorded = recorded
        self._turns = [entry for entry in recorded.entries if isinstance(entry, ModelTurn)]

    @classmethod
    def from_transcript(cls, recorded: Transcript) -> ReplayModel:
        """A replay of `recorded`."""
        return cls(recorded)

    @classmethod
    def from_file(cls, path: Path) -> ReplayModel:
        """A replay of a transcript stored as JSON.

        Raises:
            BadConfiguration: the file cannot be read or holds no transcript.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadConfiguration(f"the transcript {str(path)!r} cannot be read: {error}") from error
        return cls(transcript_from_json(data))

    @property
    def name(self) -> str:
        """``replay``."""
        return "replay"

    async def turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        """The recorded turn that belongs here.

        Raises:
            BadConfiguration: this conversation is not the recorded one, or it goes on where that one ended.
        """
        self._same_incident(transcript)
        place = sum(1 for entry in transcript.entries if isinstance(entry, ModelTurn))
        if place >= len(self._turns):
            raise BadConfiguration(
                f"the recorded transcript has {len(self._turns)} turns; turn {place + 1} is asked for"
            )
        self._same_course(transcript)
        turn = self._turns[place]
        missing = sorted({call.name for call in turn.tool_calls} - {spec.name for spec in tools})
        if missing:
            raise BadConfiguration(
                f"turn {place + 1} of the recorded transcript calls {', '.join(missing)}, which is not available now: "
                "turn its data source on, or record again"
            )
        return replace(turn, engine=self.name, usage=Usage(), latency_s=0.0)

    def _same_incident(self, transcript: Transcript) -> None:
        recorded, asked = self._recorded.incident.lead, transcript.incident.lead
        if (recorded.node, recorded.kind) != (asked.node, asked.kind):
            raise BadConfiguration(
                f"the recorded transcript is about {recorded.kind} on {recorded.node}, "
                f"this incident about {asked.kind} on {asked.node}"
            )

    def _same_course(self, transcript: Transcript) -> None:
        recorded, asked = _course(self._recorded), _course(transcript)
        for place, (before, now) in enumerate(zip(recorded, asked, strict=False)):
            if before != now:
                raise BadConfiguration(
                    f"answer {place + 1} was {before} when recorded and is {now} now: it cannot go on"
                )


def _course(transcript: Transcript) -> list[str]:
    """What the tools answered, as far as later turns depend on it: which call, and under which evidence id."""
    return [
        f"{reply.call.name} -> {reply.evidence.id if reply.evidence else 'no evidence'}"
        for entry in transcript.entries
        if isinstance(entry, ToolReplies)
        for reply in entry.replies
    ]
