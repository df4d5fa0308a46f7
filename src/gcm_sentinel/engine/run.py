"""Where one investigation stands between two steps: what was spent, gathered, sent back and is left.

Owned by one call of `Loop.investigate` and shared with nobody. Changed only by what steps recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gcm_sentinel.domain.assessment import Spend
from gcm_sentinel.domain.budget import Limits, add_turn, add_wall
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ModelTurn, ToolCall, Transcript
from gcm_sentinel.engine.claims import Checked
from gcm_sentinel.engine.investigation import OnStep
from gcm_sentinel.engine.recorded import Asked
from gcm_sentinel.engine.toolbox import Answer
from gcm_sentinel.engine.turns import Deadline, Turns
from gcm_sentinel.engine.verdict import Ending

_LEAST = timedelta(seconds=1)


@dataclass(slots=True)
class Run:
    """One investigation under way."""

    transcript: Transcript
    limits: Limits
    turns: Turns
    tell: OnStep
    at: datetime
    """When the newest turn ended; before the first, when the investigation began."""
    notes: tuple[str, ...] = ()
    """What is to be said of the engines: fail-overs, retries, a stand-in."""
    spend: Spend = Spend()
    turn: ModelTurn | None = None
    """The newest turn."""
    numbered: int = 0
    """The highest number given to a piece of evidence."""
    returned: int = 0
    """Submissions sent back."""
    warned: bool = False
    """Whether the model was told that this is its last turn."""
    checked: Checked | None = None
    """The submission that was accepted."""

    @property
    def left(self) -> timedelta:
        """Of the wall time; never nothing, so that a step that was begun has a chance."""
        return max(_LEAST, self.limits.wall - timedelta(seconds=self.spend.wall_s))

    @property
    def deadline(self) -> Deadline:
        """Of the next turn."""
        return Deadline(self.left, self.limits.wall)

    @property
    def last_try(self) -> bool:
        """Whether the next submission stands, less what does not hold."""
        return self.warned or self.returned >= self.limits.corrections

    def tools_of(self, turn: ModelTurn) -> Sequence[ToolCall]:
        """The calls of `turn` that are run: all but submissions and those beyond what one turn may ask."""
        return [call for call in turn.tool_calls[: self.limits.calls_per_round] if call.name != SUBMIT_TOOL]

    def take_turn(self, asked: Asked) -> None:
        """Book what the step ``turn`` recorded."""
        self.at, self.spend = asked.at, add_wall(self.spend, asked.took_s)
        if isinstance(asked.answer, ModelTurn):
            self.turn = asked.answer
            self.notes = tuple(dict.fromkeys((*self.notes, *asked.answer.notes)))
            self.transcript = self.transcript.append(asked.answer)
            self.spend = add_turn(self.spend, asked.answer, asked.cost_usd)

    def take_answers(self, answers: Sequence[Answer], *, calls: int) -> None:
        """Book what one round of tools recorded; its calls ran side by side, so it took as long as the longest."""
        longest_s = max((answer.gathered.took_s for answer in answers), default=0.0)
        self.spend = add_wall(replace(self.spend, tool_calls=self.spend.tool_calls + calls), longest_s)
        self.numbered = max([self.numbered, *(answer.gathered.number or 0 for answer in answers)])

    def ending(self, notes: tuple[str, ...] = ()) -> Ending:
        """What the assessment needs beside its draft."""
        return Ending(self.transcript.incident, self.spend, self.at, self.turn, (*self.notes, *notes))
