"""An assessment: what an investigation concludes, every statement tied to evidence.

`Claim.cites` are checked by code (engine/claims.py) before anyone reads them. `Assessment` is what is published; it
knows how it was reached (`outcome`, `engine`, `usage`, what was struck), so that a partial answer never looks whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.faults import FaultClass


class Severity(StrEnum):
    """How soon a person must act."""

    CRITICAL = "critical"
    """Act today: a GPU or node is unfit for work, data is at risk, several nodes are affected, or security."""
    WARNING = "warning"
    """Ticket; next maintenance window or job end."""
    INFO = "info"
    """Nothing to do on the infrastructure; worth knowing."""
    OK = "ok"
    """Checked and healthy."""


class Outcome(StrEnum):
    """How the investigation ended."""

    CONCLUDED = "concluded"
    INCONCLUSIVE = "inconclusive"
    """It ended properly, but the evidence does not decide."""
    PARTIAL = "partial"
    """A budget ended it before it could conclude; the assessment says which."""
    FAILED = "failed"
    """No model could finish it; the assessment says why."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A pointer into one piece of evidence."""

    evidence: str
    """Evidence id, ``E7``."""
    quote: str
    """Words that stand in the stored evidence, or ``path = value`` of its typed summary."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One checkable statement."""

    text: str
    cites: tuple[Citation, ...]
    absence: bool = False
    """True when the statement says that something was looked for and is not there."""


@dataclass(frozen=True, slots=True)
class RecommendedAction:
    """One recommended action, its target and why."""

    action: Action
    target: Entity | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RuledOut:
    """An alternative that was considered, and what spoke against it."""

    fault_class: FaultClass
    reason: str


@dataclass(frozen=True, slots=True)
class CausalStep:
    """One link of the chain from cause to symptom."""

    text: str
    evidence: tuple[str, ...] = ()
    """Evidence ids that show it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model submits, before its claims are checked."""

    severity: Severity
    fault_class: FaultClass
    summary: str
    root_cause: str
    confidence: float
    """0.0 to 1.0."""
    entities: tuple[Entity, ...] = ()
    """The culprits, not everything that was mentioned."""
    causal_chain: tuple[CausalStep, ...] = ()
    actions: tuple[RecommendedAction, ...] = ()
    claims: tuple[Claim, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    not_checked: tuple[str, ...] = ()
    """What could not be checked, and why it matters."""


@dataclass(frozen=True, slots=True)
class StruckClaim:
    """A claim that code could not verify, and the reason; kept for the reader, never counted."""

    claim: Claim
    reason: str


@dataclass(frozen=True, slots=True)
class Spend:
    """What an investigation used."""

    rounds: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    """All prompt tokens, cached ones included."""
    cached_tokens: int = 0
    output_tokens: int = 0
    wall_s: float = 0.0
    cost_usd: float | None = 0.0
    """None when a model's price is not known."""

    @property
    def tokens(self) -> int:
        """Prompt and answer tokens together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Assessment:
    """The published result of one investigation."""

    incident_id: str
    node: str
    condition: str
    outcome: Outcome
    draft: Draft
    """After checking: struck claims removed, confidence lowered, unsupported verdict made inconclusive."""
    struck: tuple[StruckClaim, ...]
    engine: str
    model: str
    created_at: datetime
    spend: Spend = field(default_factory=Spend)
    notes: tuple[str, ...] = ()
    """How it was reached where that matters to the reader: fail-overs, budgets, lowered confidence."""
