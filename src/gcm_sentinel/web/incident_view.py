"""What the report page shows of one incident, computed from its publication: words, links and drawings, no HTML.

Used by web/report.py; the templates only lay out what stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gcm_sentinel.domain import actions, faults
from gcm_sentinel.domain.actions import DESTROYS_EVIDENCE
from gcm_sentinel.domain.assessment import Assessment, Citation, Claim, Draft, Outcome, Severity, Spend
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import DESK
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.web import strip, timeline
from gcm_sentinel.web.charts import Chart, charts_of
from gcm_sentinel.web.evidence_view import CitedQuote, EvidenceView, evidence_views
from gcm_sentinel.web.plain import span
from gcm_sentinel.web.timeline import Moment

URGENCY = {
    Severity.CRITICAL: "act today",
    Severity.WARNING: "ticket; next maintenance window",
    Severity.INFO: "nothing to do on the infrastructure",
    Severity.OK: "checked and healthy",
}
MOST_TRIGGERS = 20
CAUTION = {
    Outcome.CONCLUDED: "",
    Outcome.INCONCLUSIVE: "Inconclusive: the evidence does not decide. Read what follows as a lead, not as a verdict.",
    Outcome.PARTIAL: "Partial: a budget ended the investigation before it could conclude. The notes say which.",
    Outcome.FAILED: "Failed: the investigation could not be finished. What follows is what was known by then.",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to evidence: `href` is empty when the publication holds no such evidence."""

    evidence: str
    href: str
    hint: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class ActionView:
    """One recommended action."""

    verb: str
    meaning: str
    target: str
    reason: str
    wipes_evidence: bool


@dataclass(frozen=True, slots=True)
class StepView:
    """One link of the causal chain."""

    role: str
    text: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One claim with its quotes; `struck` says why it does not count, empty when it does."""

    text: str
    absence: bool
    links: tuple[Link, ...]
    struck: str = ""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident as the page shows it."""

    anchor: str
    publication: Publication
    subject: str
    actions: tuple[ActionView, ...]
    chain: tuple[StepView, ...]
    claims: tuple[ClaimView, ...]
    struck: tuple[ClaimView, ...]
    moments: tuple[Moment, ...]
    moments_left_out: int
    strip: str
    charts: tuple[Chart, ...]
    evidence: tuple[EvidenceView, ...]

    @property
    def assessment(self) -> Assessment:
        """The assessment that is shown."""
        return self.publication.assessment

    @property
    def draft(self) -> Draft:
        """Its content."""
        return self.publication.assessment.draft

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """What was reported, the lead first; not all of a storm."""
        return self.publication.incident.triggers[:MOST_TRIGGERS]

    @property
    def triggers_left_out(self) -> int:
        """How many more there were."""
        return len(self.publication.incident.triggers) - len(self.triggers)

    @property
    def urgency(self) -> str:
        """What the severity asks of the reader."""
        return URGENCY[self.draft.severity]

    @property
    def caution(self) -> str:
        """A warning for everything that is not a conclusion; empty for a conclusion."""
        return CAUTION[self.assessment.outcome]

    @property
    def fault_meaning(self) -> str:
        """The fault class in a sentence."""
        return faults.MEANING[self.draft.fault_class]

    @property
    def primary_action(self) -> str:
        """The one action for the index."""
        return str(actions.primary(tuple(item.action for item in self.draft.actions)))

    @property
    def cost(self) -> str:
        """Money, or that the price is not known."""
        return cost(self.assessment.spend)

    @property
    def effort(self) -> str:
        """Rounds, calls and tokens."""
        spend = self.assessment.spend
        parts = [_counted(spend.rounds, "round"), _counted(spend.tool_calls, "tool call")]
        return ", ".join([*parts, _counted(spend.tokens, "token")] if spend.tokens else parts)

    @property
    def took(self) -> str:
        """Wall time of the investigation."""
        seconds = self.assessment.spend.wall_s
        return f"{seconds:.1f} s" if seconds < 60 else span(timedelta(seconds=seconds))

    @property
    def unobserved(self) -> tuple[EvidenceView, ...]:
        """Evidence that is none: calls that failed and sources that are off. What the agent may not do is neither."""
        return tuple(view for view in self.evidence if not view.observed and view.evidence.source != DESK)


def _counted(number: int, what: str) -> str:
    return f"{number:,}".replace(",", "\u202f") + f" {what}{'' if number == 1 else 's'}"


def cost(spend: Spend) -> str:
    """``$0.0131``, ``free`` for no money, and words where a price is not known."""
    if spend.cost_usd is None:
        return "price not known"
    return f"${spend.cost_usd:.4f}" if spend.cost_usd else "no cost"


def name_of(entity: Entity) -> str:
    """``GPU 1 (0000:17:00) on gpu-r03-n05``, ``pod ml/train-0``, ``node gpu-r03-n05``."""
    if entity.kind is EntityKind.GPU:
        known = f"GPU {entity.index}" if entity.index is not None else f"GPU {entity.uuid or entity.pci or entity.name}"
        detail = next((text for text in (entity.uuid, entity.pci) if text and text not in known), "")
        place = f" on {entity.node}" if entity.node else ""
        return f"{known}{f' ({detail})' if detail else ''}{place}"
    place = f" on {entity.node}" if entity.node and entity.kind not in (EntityKind.NODE,) else ""
    return f"{entity.kind} {entity.name}{place}"


def view_of(publication: Publication, anchor: str) -> IncidentView:
    """The view of one publication; `anchor` makes its links unique within the page."""
    draft = publication.assessment.draft
    evidence = evidence_views(publication, anchor)
    moments = timeline.moments_of(publication)
    shown = moments[-timeline.MOST_MOMENTS :]
    links = _Links(evidence)
    struck = publication.assessment.struck
    return IncidentView(
        anchor=anchor,
        publication=publication,
        subject=_subject(publication),
        actions=_actions(draft),
        chain=_chain(draft, links),
        claims=tuple(_claim(claim, links) for claim in draft.claims),
        struck=tuple(_claim(item.claim, links, item.reason) for item in struck),
        moments=shown,
        moments_left_out=len(moments) - len(shown),
        strip=strip.draw(shown, publication.incident.opened_at),
        charts=charts_of(publication, moments),
        evidence=evidence,
    )


def _subject(publication: Publication) -> str:
    """The culprits, or the node when none is named."""
    culprits = [name_of(entity) for entity in publication.assessment.draft.entities]
    shown = culprits[:3] + ([f"{len(culprits) - 3} more"] if len(culprits) > 3 else [])
    return ", ".join(shown) or f"node {publication.assessment.node}"


def _actions(draft: Draft) -> tuple[ActionView, ...]:
    return tuple(
        ActionView(
            verb=str(item.action),
            meaning=actions.MEANING[item.action],
            target=name_of(item.target) if item.target else "",
            reason=item.reason,
            wipes_evidence=item.action in DESTROYS_EVIDENCE,
        )
        for item in draft.actions
    )


def _chain(draft: Draft, links: _Links) -> tuple[StepView, ...]:
    last = len(draft.causal_chain) - 1
    return tuple(
        StepView(
            role="Cause" if index == 0 else "Symptom" if index == last else "Mechanism",
            text=step.text,
            links=tuple(links.to(Citation(evidence, "")) for evidence in step.evidence),
        )
        for index, step in enumerate(draft.causal_chain)
    )


def _claim(claim: Claim, links: _Links, struck: str = "") -> ClaimView:
    return ClaimView(claim.text, claim.absence, tuple(links.to(cite) for cite in claim.cites), struck)


class _Links:
    """Finds the place on the page a citation points to."""

    def __init__(self, evidence: Sequence[EvidenceView]) -> None:
        self._views = {view.id: view for view in evidence}

    def to(self, cite: Citation) -> Link:
        view = self._views.get(cite.evidence)
        if view is None:
            return Link(cite.evidence, "", "not part of this report", cite.quote)
        known: dict[str, CitedQuote] = {item.quote: item for item in view.quotes}
        place = known.get(cite.quote)
        return Link(cite.evidence, f"#{place.anchor if place else view.anchor}", view.title, cite.quote)
