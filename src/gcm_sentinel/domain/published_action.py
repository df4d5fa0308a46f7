"""An action as the sinks are told of it: what was asked for, where it stands now, and the question about it.

Frozen at the moment of telling. A later attempt to tell the same edition may find an action further on, never back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Approval
from gcm_sentinel.domain.foreseen import Foreseen
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget

TOLD = frozenset(
    {ActionState.WAITING, ActionState.DONE, ActionState.REFUSED, ActionState.FAILED, ActionState.UNDONE}
)  # fmt: skip
"""States people must know of: reaching one makes every sink owed another edition."""


@dataclass(frozen=True, slots=True)
class PublishedAction:
    """One action of an investigation."""

    id: str
    operation: Operation
    target: ActionTarget
    state: ActionState
    digest: str
    """Of the order."""
    since: datetime
    """When it ended; before that, when it was last asked about or proposed."""
    calls: tuple[str, ...] = ()
    """What it sends, one line each."""
    reason: str = ""
    """Why it was asked for."""
    note: str = ""
    """What came of it, or what the gate said."""
    question: Approval | None = None
    """The newest question about it; None where no person was asked."""
    foreseen: Foreseen | None = None
    """What it would do to others; None where that is not stored any more."""

    @property
    def words(self) -> str:
        """``cordon_node gpu-7: done``."""
        return f"{self.operation} {self.target.name}: {self.state}"

    @property
    def question_id(self) -> str:
        """Empty where no person was asked."""
        return self.question.id if self.question else ""

    @property
    def decided_by(self) -> str:
        """Who decided and where, ``ada (slack)``; empty where nobody did."""
        if self.question is None or not self.question.decided_by:
            return ""
        return f"{self.question.decided_by} ({self.question.channel})"


def published(record: ActionRecord, question: Approval | None, foreseen: Foreseen | None = None) -> PublishedAction:
    """The action as it stands in `record`."""
    order = record.order
    return PublishedAction(
        id=record.id,
        operation=order.operation,
        target=order.target,
        state=record.state,
        digest=order.digest,
        since=record.ended_at or (question.requested_at if question else None) or record.requested_at,
        calls=tuple(map(str, order.calls)),
        reason=order.reason,
        note=record.note or record.ruling,
        question=question,
        foreseen=foreseen,
    )


def states(actions: Iterable[PublishedAction]) -> str:
    """All of them in a few words: ``cordon_node: done, reset_gpu: waiting``; the target only where one is ambiguous."""
    told = tuple(actions)
    operations = [action.operation for action in told]
    words = (
        action.words if operations.count(action.operation) > 1 else f"{action.operation}: {action.state}"
        for action in told
    )
    return ", ".join(words)
