"""How an investigation ends: a checked draft, or an honest partial answer when it could not be finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import (
    Assessment,
    Draft,
    Outcome,
    RecommendedAction,
    Severity,
    Spend,
    StruckClaim,
)
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.transcript import ModelTurn
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.engine.claims import Checked


@dataclass(frozen=True, slots=True)
class Ending:
    """Everything an assessment needs beside its draft."""

    incident: Incident
    spend: Spend
    at: datetime
    turn: ModelTurn | None
    """The last turn, which tells engine and model; None when there was none."""
    notes: tuple[str, ...] = ()

    def assessment(self, draft: Draft, outcome: Outcome, struck: tuple[StruckClaim, ...] = ()) -> Assessment:
        """The assessment of `draft`."""
        return Assessment(
            incident_id=self.incident.id,
            node=self.incident.node,
            condition=self.incident.lead.kind,
            outcome=outcome,
            draft=draft,
            struck=struck,
            engine=self.turn.engine if self.turn else "none",
            model=self.turn.model if self.turn else "none",
            created_at=self.at,
            spend=self.spend,
            notes=self.notes,
        )


def concluded(ending: Ending, checked: Checked) -> Assessment:
    """The assessment of a submission that was checked."""
    sure = checked.draft.fault_class is not FaultClass.INCONCLUSIVE
    outcome = Outcome.CONCLUDED if sure else Outcome.INCONCLUSIVE
    return ending.assessment(checked.draft, outcome, checked.struck)


def unfinished(ending: Ending, outcome: Outcome, reason: str, evidence: Sequence[Evidence]) -> Assessment:
    """What is said when no assessment was submitted: nothing is claimed, what was read is named."""
    lead = ending.incident.lead
    read = ", ".join(dict.fromkeys(item.source for item in evidence if item.result.status.observed)) or "nothing"
    failed = tuple(
        f"{item.source} ({item.tool}): {item.result.status}; {item.result.note or 'no reason given'}"
        for item in evidence
        if not item.result.status.observed
    )
    draft = Draft(
        severity=Severity.WARNING,
        fault_class=FaultClass.INCONCLUSIVE,
        summary=f"Investigation of {lead.kind} on {lead.node} was not finished: {reason}.",
        root_cause=f"Not established. Read so far: {read}.",
        confidence=0.0,
        actions=(RecommendedAction(Action.ESCALATE, reason="a person must look: the investigation was cut short"),),
        not_checked=(reason, *failed),
    )
    return ending.assessment(draft, outcome)
