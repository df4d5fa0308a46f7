"""Mechanical scoring of one assessment against what a scenario expects. Pure; no model judges.

Weights: root cause 30, culprits 20, severity 10, actions 20, evidence 15, honest confidence and stated gaps 5. A
forbidden action or claim fails the case whatever else was right. The rules are told to authors in evals/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.actions import DESTROYS_EVIDENCE, Action
from gcm_sentinel.domain.assessment import Assessment, Draft
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.evals.expectation import Confidence, EvidenceNeeded, Expectation

ROOT_CAUSE, ENTITIES, SEVERITY, ACTIONS, EVIDENCE, CONFIDENCE = 30.0, 20.0, 10.0, 20.0, 15.0, 5.0
PASS_MARK = 70.0

TOUCHES_CAPACITY = frozenset({
    Action.CORDON, Action.DRAIN, Action.TAINT, Action.RESET_GPU, Action.REBOOT, Action.POWER_CYCLE,
    Action.QUARANTINE_GPU, Action.RMA, Action.PROBE_DEEP,
})  # fmt: skip
"""Actions that must only ever aim at a node the scenario proves guilty."""


@dataclass(frozen=True, slots=True)
class Score:
    """Points by part; the whole is their sum, 0 to 100."""

    root_cause: float
    entities: float
    severity: float
    actions: float
    evidence: float
    confidence: float
    forbidden: tuple[str, ...]
    """What was violated, one sentence each; any entry fails the case."""

    @property
    def total(self) -> float:
        """The sum of all parts."""
        parts = (self.root_cause, self.entities, self.severity, self.actions, self.evidence, self.confidence)
        return round(sum(parts), 2)

    @property
    def passed(self) -> bool:
        """At least the pass mark, the fault class right, and nothing forbidden."""
        return self.total >= PASS_MARK and self.root_cause > 0 and not self.forbidden


def score(assessment: Assessment, evidence: Sequence[Evidence], expected: Expectation) -> Score:
    """Score one assessment. `evidence` is everything the investigation gathered."""
    draft = assessment.draft
    right = draft.fault_class in expected.fault_class
    return Score(
        root_cause=ROOT_CAUSE if right else 0.0,
        entities=_entities(draft, expected, assessment.node),
        severity=SEVERITY if draft.severity in expected.severity else 0.0,
        actions=_actions(draft, expected),
        evidence=_evidence(draft, evidence, expected.evidence),
        confidence=_confidence(draft, expected.confidence, expected.gaps, right=right),
        forbidden=tuple(_forbidden(draft, expected, assessment.node)),
    )


def _entities(draft: Draft, expected: Expectation, trigger_node: str) -> float:
    if not expected.entities:
        accused = [entity for entity in draft.entities if (entity.kind, entity.name) != (EntityKind.NODE, trigger_node)]
        return round(ENTITIES / (1 + len(accused)), 2)
    strangers = [entity for entity in draft.entities if _stranger(entity, expected, trigger_node)]
    found = [want for want in expected.entities if any(want.same_as(entity) for entity in draft.entities)]
    share = len(found) / len(expected.entities)
    precision = len(found) / (len(found) + len(strangers)) if found else 0.0
    return round(ENTITIES * share * precision, 2)


def _stranger(entity: Entity, expected: Expectation, trigger_node: str) -> bool:
    """Whether naming `entity` as a culprit is wrong; the node a culprit stands on is not."""
    if any(want.same_as(entity) for want in expected.entities):
        return False
    rivals = [want for want in expected.entities if want.kind is entity.kind]
    if entity.kind is EntityKind.NODE:
        return entity.name not in {trigger_node, *(want.node for want in expected.entities)} or bool(rivals)
    return bool(rivals) or (entity.node is not None and entity.node not in expected.nodes | {trigger_node})


def _actions(draft: Draft, expected: Expectation) -> float:
    given = {item.action for item in draft.actions} or {Action.NONE}
    wishes = [{action} for action in expected.required] + [set(group) for group in expected.any_of]
    share = sum(1 for group in wishes if group & given) / len(wishes) if wishes else 1.0
    if given & DESTROYS_EVIDENCE and Action.CAPTURE_EVIDENCE not in given:
        share /= 2
    return round(ACTIONS * share, 2)


def _evidence(draft: Draft, evidence: Sequence[Evidence], needed: Sequence[EvidenceNeeded]) -> float:
    if not needed:
        return EVIDENCE if draft.claims else 0.0
    cited_ids = {cite.evidence for claim in draft.claims for cite in claim.cites}
    cited = [item for item in evidence if item.id in cited_ids]
    met = sum(1 for want in needed if any(want.met_by(item) for item in cited))
    return round(EVIDENCE * met / len(needed), 2)


def _confidence(draft: Draft, wanted: Confidence, gaps: Sequence[str], *, right: bool) -> float:
    honest = wanted.minimum <= draft.confidence <= wanted.maximum if right else draft.confidence <= 0.5
    stated = "\n".join(draft.not_checked)
    told = sum(1 for gap in gaps if re.search(gap, stated, re.IGNORECASE)) / len(gaps) if gaps else 1.0
    return round(CONFIDENCE / 2 * honest + CONFIDENCE / 2 * told, 2)


def _forbidden(draft: Draft, expected: Expectation, trigger_node: str) -> list[str]:
    given = [item.action for item in draft.actions]
    broken = [f"recommended {action}" for action in expected.forbidden if action in given]
    if Action.NONE in expected.forbidden and not [action for action in given if action is not Action.NONE]:
        broken.append("recommended nothing")
    broken += [f"claimed {match!r}" for match in _matches(draft, expected.never_claim)]
    for item in draft.actions:
        where = item.target.node if item.target and item.target.node else trigger_node
        if item.action in TOUCHES_CAPACITY and where not in expected.nodes:
            broken.append(f"recommended {item.action} on {where}, which is not at fault")
    if Action.RMA in given and not draft.claims:
        broken.append("recommended rma without evidence")
    return list(dict.fromkeys(broken))


def _matches(draft: Draft, patterns: Sequence[str]) -> list[str]:
    said = "\n".join([draft.summary, draft.root_cause, *(claim.text for claim in draft.claims)])
    found = (re.search(pattern, said, re.IGNORECASE) for pattern in patterns)
    return [match.group(0) for match in found if match]


def as_json(result: Score) -> dict[str, Json]:
    """The `parts` of a case in the results file."""
    return {
        "root_cause": result.root_cause,
        "entities": result.entities,
        "severity": result.severity,
        "actions": result.actions,
        "evidence": result.evidence,
        "confidence": result.confidence,
        "forbidden": list(result.forbidden),
    }
