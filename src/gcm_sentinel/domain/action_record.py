"""Actions and their approvals as they are recorded: what was proposed, who decided, what came of it.

storage/ keeps them, remediation carries them out. One action on one target is proposed once per incident: `key` makes a
repeated proposal find the first one, so that nothing is done twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gcm_sentinel.domain.jsontypes import JsonObject


class ActionState(StrEnum):
    """Where an action stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    """By a person, or by policy."""
    RUNNING = "running"
    DONE = "done"
    """Carried out, and its effect verified."""
    FAILED = "failed"
    """Refused, expired, not carried out, or without the effect it should have; `note` says which."""
    UNDONE = "undone"


COMES_AFTER: dict[ActionState, frozenset[ActionState]] = {
    ActionState.PROPOSED: frozenset(),
    ActionState.APPROVED: frozenset({ActionState.PROPOSED}),
    ActionState.RUNNING: frozenset({ActionState.APPROVED}),
    ActionState.DONE: frozenset({ActionState.RUNNING}),
    ActionState.FAILED: frozenset({ActionState.PROPOSED, ActionState.APPROVED, ActionState.RUNNING}),
    ActionState.UNDONE: frozenset({ActionState.DONE, ActionState.FAILED}),
}
"""The states each state may be reached from."""


@dataclass(frozen=True, slots=True)
class ActionTarget:
    """What an action is done to, by the identity it had when it was proposed."""

    kind: str
    """``node``, ``pod``, ``gpu``."""
    name: str
    uid: str
    """UID of the API object, UUID of a GPU: another object of the same name is another target."""
    node: str = ""


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """One action for one incident."""

    incident_id: str
    action: str
    """Name of its tool, ``cordon_node``."""
    target: ActionTarget
    mode: str
    """The mode it was proposed in."""
    requested_at: datetime
    investigation_id: str = ""
    arguments: JsonObject = field(default_factory=dict)
    reason: str = ""
    requested_by: str = ""
    state: ActionState = ActionState.PROPOSED
    started_at: datetime | None = None
    ended_at: datetime | None = None
    executor: str = ""
    result: JsonObject = field(default_factory=dict)
    """What the tool and the verification returned."""
    note: str = ""

    @property
    def key(self) -> str:
        """Incident, action and target: the same for every proposal of the same thing."""
        return f"{self.incident_id}/{self.action}/{self.target.uid}"


class ApprovalState(StrEnum):
    """What was decided about a proposed action."""

    WAITING = "waiting"
    """Nobody has decided; too late once `expires_at` has come."""
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to people: may exactly this be done?"""

    id: str
    incident_id: str
    action_key: str
    digest: str
    """SHA-256 of what was shown; a decision about anything else does not count."""
    requested_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.WAITING
    decided_at: datetime | None = None
    decided_by: str = ""
    channel: str = ""
    """Where it was decided: ``slack``, ``web``, ``cli``, ``policy``."""
    reason: str = ""


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
