"""What is measured of one answer beside its points. Pure, and small enough to be kept for every case.

The points say how good an answer is; these say what kind of answer it is: how sure, how well founded, how dear, and
whether it leaves alone what is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.assessment import Assessment, Draft, Severity
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.faults import BENIGN, FaultClass
from gcm_sentinel.evals.ablation import untold
from gcm_sentinel.evals.expectation import Expectation
from gcm_sentinel.evals.score import TOUCHES_CAPACITY

_CALM = frozenset({Severity.OK, Severity.INFO})


@dataclass(frozen=True, slots=True)
class Measures:
    """The figures of one answer."""

    outcome: str
    fault_class: str
    """That was named."""
    severity: str
    confidence: float
    right: bool
    """Whether the class is one the scenario accepts."""
    evidence_wanted: int
    evidence_cited: int
    """Of those, how many some claim points at."""
    claims: int
    """That were made, struck ones included."""
    claims_founded: int
    """That stood and point at evidence."""
    struck: int
    accuses: bool
    """Whether it names a fault of the infrastructure or would take capacity away; inconclusive accuses nobody."""
    gaps_untold: tuple[str, ...]
    """Sources that were turned off and of which `not_checked` says nothing."""
    answered_by: str
    """The engine that answered; another than was asked for after a fail-over."""
    tokens: int
    cost_usd: float | None
    """None where a model's price is not known."""
    turns: int
    tool_calls: int


def measure(
    assessment: Assessment, evidence: Sequence[Evidence], expected: Expectation, without: Sequence[str] = ()
) -> Measures:
    """The figures of `assessment`; `without` are the sources that were turned off."""
    draft, spend = assessment.draft, assessment.spend
    cited_ids = {cite.evidence for claim in draft.claims for cite in claim.cites}
    cited = [item for item in evidence if item.id in cited_ids]
    return Measures(
        outcome=str(assessment.outcome),
        fault_class=str(draft.fault_class),
        severity=str(draft.severity),
        confidence=draft.confidence,
        right=draft.fault_class in expected.fault_class,
        evidence_wanted=len(expected.evidence),
        evidence_cited=sum(1 for want in expected.evidence if any(want.met_by(item) for item in cited)),
        claims=len(draft.claims) + len(assessment.struck),
        claims_founded=sum(1 for claim in draft.claims if claim.cites),
        struck=len(assessment.struck),
        accuses=accuses(draft),
        gaps_untold=untold(without, draft.not_checked),
        answered_by=assessment.engine,
        tokens=spend.tokens,
        cost_usd=spend.cost_usd,
        turns=spend.rounds,
        tool_calls=spend.tool_calls,
    )


def accuses(draft: Draft) -> bool:
    """Whether a draft names a fault of the infrastructure, or would take capacity away."""
    harmless = draft.fault_class in BENIGN or draft.fault_class is FaultClass.INCONCLUSIVE
    return not harmless or any(item.action in TOUCHES_CAPACITY for item in draft.actions)


def no_fault(expected: Expectation) -> bool:
    """Whether the right answer is that nothing is at fault: no culprit, a calm severity, a harmless class."""
    return not expected.entities and expected.severity <= _CALM and expected.fault_class <= BENIGN
