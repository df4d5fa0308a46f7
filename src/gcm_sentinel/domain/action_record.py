"""Actions and their approvals as they are recorded: what was ordered, what the gate and people said, what came of it.

storage/ keeps them, remediation/ carries them out. An order may be proposed again by a later investigation of the same
incident; begun it is only once, which `key` and the database see to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.domain.order import Order


class ActionState(StrEnum):
    """Where an action stands."""

    PROPOSED = "proposed"
    WAITING = "waiting"
    """For a person."""
    APPROVED = "approved"
    """By a person, or by policy."""
    RUNNING = "running"
    CARRIED = "carried"
    """Carried out; whether it has its effect is being checked."""
    DONE = "done"
    """Its effect was verified."""
    REFUSED = "refused"
    """By the gate or a person, or nobody decided in time: nothing was sent."""
    FAILED = "failed"
    """Not carried out as a whole, or without its effect; `note` says which."""
    UNDONE = "undone"


class Refusal(StrEnum):
    """Whose refusal ended an order; a later order for the same in the same incident has to respect it."""

    RULED = ""
    """The gate's, or nobody's: the world may be another the next time."""
    PERSON = "person"
    """A person said no."""
    EXPIRED = "expired"
    """A person was asked, and no decision holds: nobody decided in time, or what was approved did not begin in time."""


COMES_AFTER: dict[ActionState, frozenset[ActionState]] = {
    ActionState.PROPOSED: frozenset(),
    ActionState.WAITING: frozenset({ActionState.PROPOSED, ActionState.APPROVED}),
    ActionState.APPROVED: frozenset({ActionState.PROPOSED, ActionState.WAITING}),
    ActionState.RUNNING: frozenset({ActionState.APPROVED}),
    ActionState.CARRIED: frozenset({ActionState.RUNNING}),
    ActionState.DONE: frozenset({ActionState.CARRIED}),
    ActionState.REFUSED: frozenset(
        {ActionState.PROPOSED, ActionState.WAITING, ActionState.APPROVED, ActionState.RUNNING}
    ),
    ActionState.FAILED: frozenset({ActionState.RUNNING, ActionState.CARRIED}),
    ActionState.UNDONE: frozenset({ActionState.CARRIED, ActionState.DONE, ActionState.FAILED}),
}
"""The states each state may be reached from."""

NOT_BEGUN = frozenset({ActionState.PROPOSED, ActionState.WAITING, ActionState.APPROVED})
"""States in which nothing was sent and something still may be."""
UNDER_WAY = frozenset({ActionState.RUNNING, ActionState.CARRIED})
"""States in which an action may still change the world."""
MAY_BE_ORDERED_AGAIN = frozenset({ActionState.PROPOSED, ActionState.REFUSED})
"""States that leave the way free for the same order."""


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """One order and what became of it."""

    order: Order
    mode: str
    """The mode it was proposed in."""
    requested_at: datetime
    state: ActionState = ActionState.PROPOSED
    ruling: str = ""
    """What the gate said last, with its reasons."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    executor: str = ""
    result: JsonObject = field(default_factory=dict)
    """What the tool and the verification found."""
    note: str = ""
    undoes: str = ""
    """Id of the action this one takes back; empty for one of its own."""
    refusal: Refusal = Refusal.RULED
    """Of an action in `REFUSED`."""
    put_off: int = 0
    """How often its beginning was put off because something else was under way on its node."""

    @property
    def id(self) -> str:
        """Investigation, operation and target: one proposal of one investigation."""
        return f"{self.order.investigation_id}/{self.order.operation}/{self.order.target.uid}"

    @property
    def key(self) -> str:
        """Incident, operation and target: what is begun once."""
        return self.order.key

    @property
    def node(self) -> str:
        """The node that its target is, or stands on."""
        return self.order.target.node or self.order.target.name

    @property
    def takes_out(self) -> str:
        """The node it takes out of service; empty where it takes none."""
        return self.node if DECLARED[self.order.operation].takes_out_of_service else ""


class ApprovalState(StrEnum):
    """What was decided about a proposed action."""

    WAITING = "waiting"
    """Nobody has decided; too late once `expires_at` has come."""
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """Nobody decided, and nobody can any more: what it was about is over."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to people: may exactly this be done?"""

    id: str
    incident_id: str
    action_id: str
    """Of the `ActionRecord`."""
    digest: str
    """SHA-256 of what was shown; a decision about anything else does not count."""
    requested_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.WAITING
    decided_at: datetime | None = None
    """When it was withdrawn, where it was."""
    decided_by: str = ""
    """Empty while nobody has, and where it was withdrawn."""
    channel: str = ""
    """Where it was decided: ``slack``, ``web``, ``cli``; empty like `decided_by`."""
    reason: str = ""
    """The person's words; why it was withdrawn, where it was."""

    @property
    def withdrawn(self) -> bool:
        """Whether the agent took it back itself: nobody decided, and nobody can any more."""
        return self.state is ApprovalState.WITHDRAWN


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person decided about one approval."""

    approve: bool
    digest: str
    """Of what the person was shown."""
    by: str
    channel: str
    at: datetime
    reason: str = ""
