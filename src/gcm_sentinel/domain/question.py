"""What became of a question to people, in the words every channel uses. Pure.

An `Approval` in the state WAITING is over all the same once its time has come: nobody writes that into its row. So
where it stands is told by the row and the time together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from gcm_sentinel.domain.action_record import Approval, ApprovalState


class Answer(StrEnum):
    """Where a question stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Nobody decided in time."""
    WITHDRAWN = "withdrawn"
    """The agent took it back; nobody decided."""


def answer_to(question: Approval, now: datetime) -> Answer:
    """Where `question` stands at `now`."""
    if question.state is ApprovalState.WAITING:
        return Answer.WAITING if question.expires_at > now else Answer.EXPIRED
    return Answer(question.state)


def answer_in_words(question: Approval, now: datetime) -> str:
    """``approved by ada (cli) at 2026-11-20 03:12:44 UTC: seen``; a person's words and ours come last."""
    answer = answer_to(question, now)
    why = f": {question.reason}" if question.reason else ""
    if answer is Answer.WAITING:
        return f"waits for a person until {_moment(question.expires_at)}"
    if answer is Answer.EXPIRED:
        return f"expired at {_moment(question.expires_at)}: nobody decided in time"
    at = f" at {_moment(question.decided_at)}" if question.decided_at else ""
    if answer is Answer.WITHDRAWN:
        return f"withdrawn by the agent{at}{why}"
    return f"{answer} by {question.decided_by or 'nobody named'} ({question.channel or 'no channel'}){at}{why}"


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
