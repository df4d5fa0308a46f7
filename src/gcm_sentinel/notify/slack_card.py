"""An incident as a Slack card (Block Kit): pure functions from a publication to blocks.

Severity, node and GPUs, cause, what is advised, what was asked, refused or done and where it stands, claims with the
evidence they rest on, who said so and what it cost. Nothing is decided here: a question is a message of its own
(slack_question.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gcm_sentinel.domain.assessment import Assessment, Claim, Outcome, RecommendedAction
from gcm_sentinel.domain.concerned import concerned
from gcm_sentinel.domain.entity import EntityKind
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.notify import oneline
from gcm_sentinel.notify.slack_question import action_lines, asks
from gcm_sentinel.notify.slack_text import (
    BLOCKS,
    HEADER_CHARACTERS,
    NOTIFICATION_CHARACTERS,
    disarmed,
    field,
    heading,
    plain,
    section,
)

_GPUS_MAX = 8
_CLAIMS_MAX = 12
_ACTIONS_MAX = 8
_CLAIM_CHARACTERS = 400


def notification(publication: Publication) -> str:
    """What stands in notifications, where Slack reads markup: our words, and the names disarmed."""
    severity = publication.assessment.draft.severity.upper()
    node = f"{publication.assessment.node}{oneline.others(publication.incident)}"
    return disarmed(f"[{severity}] {node}: {publication.assessment.condition}", NOTIFICATION_CHARACTERS)


def card(publication: Publication) -> list[JsonObject]:
    """The blocks."""
    blocks = [_header(publication), _facts(publication)]
    blocks += _verdict(publication.assessment)
    for action in publication.actions[:_ACTIONS_MAX]:
        blocks += _action(action)
    if refused := oneline.not_done(publication):
        blocks += [heading("Asked of the agent, and refused"), section(*refused)]
    blocks += _claims(publication.assessment.draft.claims)
    return [*blocks[: BLOCKS - 1], _context(publication)]


def told_lines(actions: Sequence[PublishedAction]) -> tuple[str, ...]:
    """What became of `actions`, a line or two for each, for a thread."""
    return tuple(line for action in actions for line in action_lines(action))


def _header(publication: Publication) -> JsonObject:
    draft = publication.assessment.draft
    fault = str(draft.fault_class).replace("_", " ")
    node = f"{publication.assessment.node}{oneline.others(publication.incident)}"
    return {
        "type": "header",
        "text": plain(disarmed(f"{draft.severity.upper()} {node}: {fault}", HEADER_CHARACTERS)),
    }


def _facts(publication: Publication) -> JsonObject:
    assessment = publication.assessment
    draft = assessment.draft
    fields = [
        field("Node", f"{assessment.node}{oneline.others(publication.incident)}"),
        field("GPUs", ", ".join(_gpus(publication)) or "none named"),
        field("Condition", assessment.condition),
        field("Confidence", f"{draft.confidence:.0%}{_caution(assessment)}"),
    ]
    return {"type": "section", "fields": list[Json](fields)}


def _gpus(publication: Publication) -> Iterator[str]:
    shown = (entity for item in publication.evidence for entity in item.result.entities)
    blamed = [item for item in concerned(publication.assessment.draft, shown) if item.kind is EntityKind.GPU]
    for entity in blamed[:_GPUS_MAX]:
        place = f"{entity.index}" if entity.index is not None else ""
        yield " ".join(filter(None, (place, entity.uuid or entity.pci or ""))) or entity.name
    if len(blamed) > _GPUS_MAX:
        yield f"and {len(blamed) - _GPUS_MAX} more"


def _caution(assessment: Assessment) -> str:
    return "" if assessment.outcome is Outcome.CONCLUDED else f" ({assessment.outcome}, no conclusion)"


def _verdict(assessment: Assessment) -> list[JsonObject]:
    draft = assessment.draft
    advice = tuple(f"{number}. {_advice(item)}" for number, item in enumerate(draft.actions, 1))
    return [
        section(oneline.summary(assessment)),
        heading("Cause"),
        section(draft.root_cause),
        heading("Advised"),
        section(*(advice or ("nothing",))),
    ]


def _advice(item: RecommendedAction) -> str:
    target = f" {item.target.name}" if item.target else ""
    return f"{item.action}{target}" + (f": {item.reason}" if item.reason else "")


def _action(action: PublishedAction) -> list[JsonObject]:
    title = "Waits for a person" if asks(action) else "Asked of the agent"
    return [heading(title), section(*action_lines(action))]


def _claims(claims: Sequence[Claim]) -> list[JsonObject]:
    if not claims:
        return []
    lines = [f"{number}. {_claim(claim)}" for number, claim in enumerate(claims[:_CLAIMS_MAX], 1)]
    if len(claims) > _CLAIMS_MAX:
        lines.append(f"and {len(claims) - _CLAIMS_MAX} more")
    return [heading("Claims and what they rest on"), section(*lines)]


def _claim(claim: Claim) -> str:
    cited = ", ".join(dict.fromkeys(cite.evidence for cite in claim.cites))
    return f"{oneline.cut_characters(oneline.one_line(claim.text), _CLAIM_CHARACTERS)} [{cited}]"


def _context(publication: Publication) -> JsonObject:
    assessment, incident = publication.assessment, publication.incident
    spend = assessment.spend
    cost = "cost unknown" if spend.cost_usd is None else f"${spend.cost_usd:.2f}"
    engine = " ".join(dict.fromkeys(filter(None, (assessment.engine, assessment.model))))
    parts = (
        f"incident {incident.id}",
        f"investigation {incident.investigation_id}, edition {publication.edition}",
        f"by {engine}",
        f"{spend.tool_calls} calls, {spend.tokens} tokens, {cost}",
    )
    return {"type": "context", "elements": list[Json]([plain(disarmed(" · ".join(parts), 1000))])}
