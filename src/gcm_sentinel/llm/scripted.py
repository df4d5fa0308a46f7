"""A model that says what a test told it to say, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolCall, ToolSpec, Transcript

Line: TypeAlias = ModelTurn | Exception | Callable[[Transcript], ModelTurn]
"""What happens at one turn: an answer, a failure, or an answer made from the transcript."""


class ScriptedModel:
    """Plays `turns` in order, whatever it is asked; once they are used up, a further turn is a `Bug`."""

    def __init__(self, turns: Iterable[Line], *, name: str = "scripted") -> None:
        self._lines = list(turns)
        self._name = name
        self.asked: list[tuple[Transcript, tuple[ToolSpec, ...]]] = []
        """Transcript and tools of every turn asked for, failed ones included."""

    @property
    def name(self) -> str:
        """``scripted``, or the name it was given to stand in for another engine."""
        return self._name

    async def turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        """The next line of the script."""
        self.asked.append((transcript, tools))
        if len(self.asked) > len(self._lines):
            raise Bug(f"the script has {len(self._lines)} turns; turn {len(self.asked)} was asked for")
        line = self._lines[len(self.asked) - 1]
        if isinstance(line, Exception):
            raise line
        turn = line if isinstance(line, ModelTurn) else line(transcript)
        return replace(turn, engine=turn.engine or self._name)


def calling(*calls: tuple[str, JsonObject], text: str = "") -> ModelTurn:
    """A turn that asks for tools by name and arguments."""
    made = tuple(ToolCall(f"call_{place}", name, arguments) for place, (name, arguments) in enumerate(calls))
    return ModelTurn(text, made, StopReason.TOOL_USE)


def saying(text: str, stop: StopReason = StopReason.END) -> ModelTurn:
    """A turn without a tool call."""
    return ModelTurn(text, (), stop)
