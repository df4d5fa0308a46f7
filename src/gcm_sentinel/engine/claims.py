"""Claims are checked by code. What the evidence does not show is struck; a verdict left bare becomes inconclusive.

The rules, in the order they are applied to a draft:

1. Every cited evidence id exists and its source really observed something (`ok` or `no_data`); a proposal of ours
   observes nothing.
2. Every quote stands in the evidence it cites (engine/quotes.py); a claim of absence may do without a quote.
3. Every node or GPU named in a claim was observed in this investigation.
4. A GPU that an action names by its number gets the UUID that the evidence shows, free queries left out. Culprits and
   action targets that were never observed are removed, and so are links of the causal chain that point at evidence
   which does not exist or name what was never observed.
5. Each struck claim lowers the confidence in proportion.
6. A verdict needs a claim that code could verify: a quote, or absence in a result that is `no_data`. Without one it is
   inconclusive, names no culprit, and only actions that cannot do harm stay.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Citation, Claim, Draft, RecommendedAction, Severity, StruckClaim
from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.gpu_numbers import with_uuid
from gcm_sentinel.domain.grounds import grounds
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.engine.quotes import stands_in

HARMLESS = frozenset({Action.NONE, Action.WATCH, Action.CAPTURE_EVIDENCE, Action.ESCALATE, Action.TELL_OWNER})
"""What may still be recommended when a verdict has lost its support."""

_UNSUPPORTED_CONFIDENCE = 0.2


@dataclass(frozen=True, slots=True)
class Checked:
    """A draft after checking."""

    draft: Draft
    struck: tuple[StruckClaim, ...]
    notes: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing had to be struck or removed."""
        return not self.struck and not self.notes


def check(draft: Draft, evidence: Sequence[Evidence], observed: Observed, *, nodes: Collection[str] = ()) -> Checked:
    """`draft` with everything removed that the evidence does not show; `nodes` are those the incident is about."""
    by_id = {item.id: item for item in evidence}
    struck = tuple(
        StruckClaim(claim, reason) for claim in draft.claims if (reason := _fault(claim, by_id, observed)) is not None
    )
    rejected = {id(item.claim) for item in struck}
    kept = tuple(claim for claim in draft.claims if id(claim) not in rejected)
    named = _named(draft, evidence, nodes)
    trimmed, notes = _without_strangers(replace(draft, claims=kept, actions=named), observed)
    linked, chain_notes = _without_broken_links(trimmed, by_id, observed)
    lowered, more = _confidence(linked, struck, supported=_is_supported(kept, by_id))
    return Checked(lowered, struck, (*notes, *chain_notes, *more))


def _fault(claim: Claim, by_id: Mapping[str, Evidence], observed: Observed) -> str | None:
    if not claim.cites:
        return "it cites no evidence"
    for cite in claim.cites:
        reason = _bad_citation(cite, by_id.get(cite.evidence), absence=claim.absence)
        if reason:
            return reason
    strangers = observed.strangers(claim.text)
    if strangers:
        return f"it names {', '.join(strangers)}, which no evidence of this investigation shows"
    return None


def _bad_citation(cite: Citation, evidence: Evidence | None, *, absence: bool) -> str | None:
    if evidence is None:
        return f"evidence {cite.evidence!r} does not exist"
    if evidence.source == DESK:
        return f"{cite.evidence} is a proposal of ours: what we mean to do proves nothing about a fault"
    if not evidence.result.status.observed:
        return f"{cite.evidence} is {evidence.result.status}: nothing was observed there"
    if absence and not cite.quote.strip():
        return None
    if not stands_in(cite.quote, evidence, absence=absence):
        return f"the quote {cite.quote[:120]!r} does not stand in {cite.evidence}"
    return None


def _named(draft: Draft, evidence: Sequence[Evidence], nodes: Collection[str]) -> tuple[RecommendedAction, ...]:
    """The actions, their GPUs by UUID where they are named by number."""
    seen = tuple(entity for item in grounds(evidence) for entity in item.result.entities)
    return tuple(
        replace(item, target=with_uuid(item.target, seen, nodes)) if item.target else item for item in draft.actions
    )


def _without_strangers(draft: Draft, observed: Observed) -> tuple[Draft, tuple[str, ...]]:
    entities = tuple(entity for entity in draft.entities if observed.has(entity))
    actions = tuple(item for item in draft.actions if item.target is None or observed.has(item.target))
    notes = [f"removed the culprit {item.name!r}: never observed" for item in draft.entities if item not in entities]
    notes += [f"removed {item.action}: its target was never observed" for item in draft.actions if item not in actions]
    for place, text in (("summary", draft.summary), ("root cause", draft.root_cause)):
        strangers = observed.strangers(text)
        if strangers:
            notes.append(f"the {place} names {', '.join(strangers)}, which no evidence shows")
    return replace(draft, entities=entities, actions=actions), tuple(notes)


def _without_broken_links(
    draft: Draft, by_id: Mapping[str, Evidence], observed: Observed
) -> tuple[Draft, tuple[str, ...]]:
    kept, notes = [], []
    for link in draft.causal_chain:
        missing = [name for name in link.evidence if name not in by_id or by_id[name].source == DESK]
        missing += observed.strangers(link.text)
        if missing:
            notes.append(f"removed a link of the causal chain: no evidence shows {', '.join(missing)}")
        else:
            kept.append(link)
    return replace(draft, causal_chain=tuple(kept)), tuple(notes)


def _is_supported(claims: Sequence[Claim], by_id: Mapping[str, Evidence]) -> bool:
    """Whether one of `claims` says something code could verify: a bare "not there" about a full result is none."""
    return any(
        cite.quote.strip() or by_id[cite.evidence].result.status is ResultStatus.NO_DATA
        for claim in claims
        for cite in claim.cites
    )


def _confidence(draft: Draft, struck: Sequence[StruckClaim], *, supported: bool) -> tuple[Draft, tuple[str, ...]]:
    if not supported and draft.fault_class is not FaultClass.INCONCLUSIVE:
        return _inconclusive(draft), ("no claim was left to support the verdict, so it is inconclusive",)
    if not supported and draft.actions != _harmless(draft):
        return replace(draft, actions=_harmless(draft)), ("removed actions that no verified claim supports",)
    if not struck:
        return draft, ()
    share = len(draft.claims) / (len(draft.claims) + len(struck)) if draft.claims else 0.0
    lowered = round(draft.confidence * share, 3)
    note = f"confidence lowered from {draft.confidence:.2f} to {lowered:.2f}: {len(struck)} claims were struck"
    return replace(draft, confidence=lowered), (note,)


def _inconclusive(draft: Draft) -> Draft:
    return replace(
        draft,
        fault_class=FaultClass.INCONCLUSIVE,
        severity=Severity.WARNING if draft.severity in (Severity.OK, Severity.INFO) else draft.severity,
        summary=f"Inconclusive: the verdict '{draft.fault_class}' had no evidence that could be verified.",
        root_cause=f"Not established. Proposed without verifiable evidence: {draft.root_cause}",
        confidence=min(draft.confidence, _UNSUPPORTED_CONFIDENCE),
        entities=(),
        causal_chain=(),
        actions=_harmless(draft) or (RecommendedAction(Action.ESCALATE, reason="a person must look"),),
    )


def _harmless(draft: Draft) -> tuple[RecommendedAction, ...]:
    return tuple(item for item in draft.actions if item.action in HARMLESS)
