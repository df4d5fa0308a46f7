"""From beliefs to a draft: fault class, culprits, claims, actions, severity, confidence, and what stays open.

The verdict is the leading hypothesis when it is probable enough; `multiple_faults` when a second one stands on evidence
the first does not explain; `inconclusive` when the evidence does not decide, with what is missing. Confidence is the
posterior, lowered for every source whose answer the hypothesis would have needed.
"""

from __future__ import annotations

from collections.abc import Sequence

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import CausalStep, Draft, RecommendedAction, RuledOut, Severity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.faults import BENIGN, MEANING, FaultClass
from gcm_sentinel.llm.playbook import entities
from gcm_sentinel.llm.playbook.advice import Case, actions, merged, with_warnings
from gcm_sentinel.llm.playbook.beliefs import Belief, Weighed
from gcm_sentinel.llm.playbook.claims_text import claims, fill, words
from gcm_sentinel.llm.playbook.findings import circumstantial, of_the_past
from gcm_sentinel.llm.playbook.gaps import gaps, missing
from gcm_sentinel.llm.playbook.malformed import safely

ENOUGH = 0.45
"""Probability below which no single cause is named."""
_CLOSE = 1.6
"""How many times as probable as the next one the leading hypothesis must be."""
_STANDS_ALONE = 3.0
"""Logarithm of odds the findings alone must give a second fault (about 20 to 1)."""
_TELLING = 1.0
"""Logarithm of the odds factor from which a finding is telling by itself."""
_ORDER = (Severity.OK, Severity.INFO, Severity.WARNING, Severity.CRITICAL)


def conclude(case: Case) -> Draft:
    """The draft that the evidence supports."""
    first, second = case.beliefs[0], case.beliefs[1]
    other = second_fault(case)
    if other is not None and _consequence_of(first, other):
        return _single(case, other)
    if other is not None and _shown(first):
        return _multiple(case, (first, other))
    close = first.probability < ENOUGH or first.probability < _CLOSE * second.probability
    if close or not _shown(first) or _unseen(case, first):
        return _inconclusive(case)
    return _single(case, first)


def _unseen(case: Case, belief: Belief) -> bool:
    """Whether it may not be concluded because what it rests on was never seen."""
    if belief.fault_class is FaultClass.HEALTHY and _blind_spots(case):
        return True
    unanswered = {question.name for question in missing(case.playbook, case.obs, case.tools)}
    return bool(unanswered & set(belief.hypothesis.demands))


def _blind_spots(case: Case) -> frozenset[str]:
    """Questions that bear on this trigger and were not answered: with one open, nothing may be called healthy."""
    text = " ".join(f"{item.kind} {item.reason} {item.message}" for item in case.obs.incident.triggers)
    families = set(case.playbook.families_of(case.obs.trigger.kind, text))
    unanswered = missing(case.playbook, case.obs, case.tools)
    return frozenset(item.name for item in unanswered if item.triage or families & set(item.families))


def _shown(belief: Belief) -> bool:
    """Whether a telling finding that can be cited carries it; a prior and earlier incidents are no verdict.

    What is benign shows less of itself: there all findings together must speak for it.
    """
    cited = [item for item in belief.speaking_for if item.finding.holds and item.finding.cites]
    cited = [item for item in cited if not of_the_past(item.finding.key)]
    if belief.fault_class in BENIGN and cited and belief.evidence_score >= 1.5 * _TELLING:
        return True
    return any(item.moved >= _TELLING for item in cited)


def _consequence_of(first: Belief, other: Belief) -> bool:
    """Whether everything that speaks for the first hypothesis follows from the other one."""
    strong = [item.finding.key for item in first.speaking_for if item.finding.holds and item.moved >= _TELLING]
    return bool(strong) and set(strong) <= set(other.hypothesis.explains)


def second_fault(case: Case) -> Belief | None:
    """Another hypothesis that stands on findings the leading one neither uses nor explains."""
    first = case.beliefs[0]
    if first.hypothesis.culprit == "none" and first.fault_class is not FaultClass.TRANSIENT_XID:
        return None
    explained = {item.finding.key for item in first.speaking_for} | set(first.hypothesis.explains)
    explained |= {item.weight.finding for item in first.weighed}
    for belief in case.beliefs[1:]:
        if belief.fault_class in BENIGN or belief.hypothesis.culprit == "none":
            continue
        here = set(first.hypothesis.explains_here) if belief.subject == first.subject else set()
        own = [item for item in belief.speaking_for if item.finding.holds and item.finding.key not in explained | here]
        strong = [item for item in own if item.moved >= _STANDS_ALONE and not circumstantial(item.finding.key)]
        if strong and belief.evidence_score >= _STANDS_ALONE and not _same_evidence(first, strong):
            return belief
    return None


def _same_evidence(first: Belief, strong: Sequence[Weighed]) -> bool:
    """Whether the strong findings only quote what the first hypothesis quotes: two names of one thing."""
    quoted = {cite for item in first.speaking_for for cite in item.finding.cites}
    return all(set(item.finding.cites) <= quoted for item in strong)


def _single(case: Case, belief: Belief) -> Draft:
    values = words(case.obs, belief, case.findings)
    return Draft(
        severity=_severity(case, belief),
        fault_class=belief.fault_class,
        summary=fill(belief.hypothesis.summary, values)[:1000],
        root_cause=fill(belief.hypothesis.root_cause, values),
        confidence=_confidence(case, belief),
        entities=entities.culprits(case.obs, belief),
        causal_chain=_chain(belief, fill(belief.hypothesis.root_cause, values)),
        actions=with_warnings(case, actions(case, belief)),
        claims=claims(case.obs, (belief,), case.findings),
        ruled_out=_ruled_out(case, (belief,)),
        not_checked=_gaps(case, (belief,)),
    )


def _multiple(case: Case, parts: tuple[Belief, Belief]) -> Draft:
    drafts = [_single(case, belief) for belief in parts]
    told = entities.known(case.obs, [entity for draft in drafts for entity in draft.entities])
    return Draft(
        severity=max((draft.severity for draft in drafts), key=_ORDER.index),
        fault_class=FaultClass.MULTIPLE_FAULTS,
        summary=f"Two independent faults: {drafts[0].summary}; and {drafts[1].summary}"[:1000],
        root_cause=" ".join(
            f"({number}) {belief.fault_class}: {draft.root_cause}"
            for number, (belief, draft) in enumerate(zip(parts, drafts, strict=True), 1)
        ),
        confidence=round(min(0.85, min(_alone(case, belief) for belief in parts)), 2),
        entities=told,
        causal_chain=(*drafts[0].causal_chain, *drafts[1].causal_chain),
        actions=merged([*drafts[0].actions, *drafts[1].actions]),
        claims=claims(case.obs, parts, case.findings),
        ruled_out=_ruled_out(case, parts),
        not_checked=_gaps(case, parts),
    )


def _alone(case: Case, belief: Belief) -> float:
    """How sure a hypothesis would be if the other fault were not there."""
    odds = belief.evidence_score
    return min(belief.hypothesis.at_most, 0.5 + 0.1 * odds) * _coverage(case, belief)


def _inconclusive(case: Case) -> Draft:
    leading = [belief for belief in case.beliefs[:3] if belief.probability >= 0.05 and belief.speaking_for]
    names = (
        ", ".join(f"{belief.fault_class} ({belief.probability:.0%})" for belief in leading) or "nothing in the playbook"
    )
    open_points = _gaps(case, tuple(leading))
    here = node_entity(case.obs.node)
    wanted = "; ".join(open_points[:3]) or "a new symptom"
    advice = [
        RecommendedAction(Action.CAPTURE_EVIDENCE, here, "before anything is reset or restarted"),
        RecommendedAction(Action.WATCH, here, "look again when the missing sources answer"),
        RecommendedAction(Action.ESCALATE, here, f"a person must decide; what would: {wanted}"[:600]),
    ]
    best = case.beliefs[0]
    return Draft(
        severity=Severity.CRITICAL if case.findings.hold(["not_ready"], None) else Severity.WARNING,
        fault_class=FaultClass.INCONCLUSIVE,
        summary=f"Inconclusive: the evidence about {case.obs.trigger.kind} on {case.obs.node} does not decide."[:1000],
        root_cause=f"Not established. Still possible: {names}. It would take: {wanted}.",
        confidence=round(min(0.45, best.probability) * _coverage(case, best), 2),
        entities=(here,),
        actions=with_warnings(case, tuple(advice)),
        claims=claims(case.obs, leading or (best,), case.findings),
        ruled_out=_ruled_out(case, tuple(leading)),
        not_checked=open_points,
    )


def _gaps(case: Case, parts: Sequence[Belief]) -> tuple[str, ...]:
    malformed = ("a summary was malformed and could not be read whole",)
    return safely(lambda: gaps(case.playbook, case.obs, case.tools, parts), malformed, "gaps")


def _severity(case: Case, belief: Belief) -> Severity:
    for rule in belief.hypothesis.severity_when:
        if case.findings.hold(rule.when, belief.subject):
            return rule.severity
    return belief.hypothesis.severity


def _confidence(case: Case, belief: Belief) -> float:
    return round(min(belief.hypothesis.at_most, belief.probability) * _coverage(case, belief), 2)


def _coverage(case: Case, belief: Belief) -> float:
    """Less than one for every source the verdict would have wanted and did not get."""
    wanted = {"node_info", "kernel_log", "gpu_metrics", *belief.hypothesis.confirm}
    lost = wanted & {question.name for question in missing(case.playbook, case.obs, case.tools)}
    return float(0.88 ** len(lost))


def _chain(belief: Belief, root_cause: str) -> tuple[CausalStep, ...]:
    strongest = belief.speaking_for[:4]
    ids = tuple(dict.fromkeys(cite.evidence for item in strongest for cite in item.finding.cites))
    steps = [CausalStep(root_cause.split(". ")[0].rstrip(".") + ".", ids)]
    for item in strongest:
        if item.finding.detail:
            shown = tuple(dict.fromkeys(cite.evidence for cite in item.finding.cites))
            steps.append(CausalStep(item.finding.detail, shown))
    return tuple(steps)


def _ruled_out(case: Case, parts: Sequence[Belief]) -> tuple[RuledOut, ...]:
    chosen = {belief.fault_class for belief in parts}
    out = []
    for belief in sorted(case.beliefs, key=_first_thought):
        against = [item for item in belief.speaking_against if item.finding.detail]
        if belief.fault_class in chosen or not against:
            continue
        reason = "; ".join(item.finding.detail for item in against[:2])
        out.append(RuledOut(belief.fault_class, f"{MEANING[belief.fault_class]}: {reason}"[:600]))
    return tuple(out[:5])


def _first_thought(belief: Belief) -> tuple[float, float]:
    """Alternatives that the trigger alone suggested, or that something spoke for, come first."""
    spoke = sum(item.moved for item in belief.speaking_for if item.finding.holds)
    return -(belief.score - belief.evidence_score) - min(spoke, 3.0), -belief.probability
