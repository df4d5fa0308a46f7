"""The four modes and the pure decision which tools and writes each permits.

Fail closed: an unknown mode, an unknown kind of effect or no rule at all means refuse. The gate that wraps acting tools
(remediation/) asks `permits`; so does everything that writes to the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What the agent may do to the cluster."""

    RECOMMEND = "recommend"
    ANNOTATE = "annotate"
    APPROVE = "approve"
    EXECUTE = "execute"


class Effect(StrEnum):
    """What a tool or a publisher does to the cluster."""

    READ = "read"
    EVENT = "event"
    """Create or update a Kubernetes Event of ours."""
    ANNOTATE = "annotate"
    """Write `gcm-sentinel/*` annotations on a Node."""
    REMEDIATE = "remediate"
    """Anything else that changes the cluster, but for a deletion."""
    DELETE = "delete"
    """Delete what is not certainly a maintenance request of ours, or hit who knows what: no mode permits it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer with its reason."""

    allowed: bool
    reason: str


_PERMITTED: dict[Mode, frozenset[Effect]] = {
    Mode.RECOMMEND: frozenset({Effect.READ, Effect.EVENT}),
    Mode.ANNOTATE: frozenset({Effect.READ, Effect.EVENT, Effect.ANNOTATE}),
    Mode.APPROVE: frozenset({Effect.READ, Effect.EVENT, Effect.ANNOTATE, Effect.REMEDIATE}),
    Mode.EXECUTE: frozenset({Effect.READ, Effect.EVENT, Effect.ANNOTATE, Effect.REMEDIATE}),
}


def permits(mode: object, effect: object) -> Decision:
    """Whether `mode` permits `effect`; anything that is not a known mode and effect is refused."""
    if not isinstance(mode, Mode):
        return Decision(allowed=False, reason=f"unknown mode {mode!r}")
    if not isinstance(effect, Effect):
        return Decision(allowed=False, reason=f"unknown effect {effect!r}")
    if effect in _PERMITTED.get(mode, frozenset()):
        return Decision(allowed=True, reason=f"mode {mode} permits {effect}")
    return Decision(allowed=False, reason=f"mode {mode} does not permit {effect}")
