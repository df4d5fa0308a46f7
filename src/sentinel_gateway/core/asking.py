"""Directives of the gateway itself: what it does by its own evidence, and what it asks people to do."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_gateway.core.directing import issue
from sentinel_gateway.core.ids import uuid7
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.directives import MAX_EVIDENCE, DirectiveOutcome, DirectiveRequest, withdrawn
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.roles import Caller, Role


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done to a GPU, and why."""

    gpu_uuid: str
    action: Action
    reason: str
    evidence: tuple[str, ...] = ()
    waits: bool = False
    """A person must agree, whatever the settings say."""


def ask(wish: Wish, round_: Round) -> DirectiveOutcome:
    """Do it, or let it wait where a person must agree.

    Raises:
        IllegalState: the GPU's state does not allow it.
    """
    request = DirectiveRequest(
        wish.gpu_uuid,
        wish.action,
        wish.reason,
        evidence=wish.evidence[-MAX_EVIDENCE:],
        directive_id=uuid7(round_.now_ns),
        requires_approval=wish.waits,
    )
    return issue(request, _me(round_), round_)


def take_back(gpu_uuid: str, action: Action, why: str, round_: Round) -> None:
    """Withdraw what the gateway asked for and nobody decided yet."""
    me = _me(round_)
    for record in list(round_.waiting.values()):
        asked = record.directive
        if record.issued_by == me.name and asked.gpu.uuid == gpu_uuid and asked.action is action:
            round_.keep_directive(withdrawn(record, me, why))


def _me(round_: Round) -> Caller:
    """The gateway as the issuer of its own directives: it gives back what passed its test, whoever took that out."""
    return Caller(round_.settings.name, frozenset({Role.OPERATOR}), "none")
