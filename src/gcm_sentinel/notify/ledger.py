"""Records each assessment in the audit ledger: what was concluded, by which engine, on which evidence.

The entry names every piece of evidence that claims or causal chain cite, with its digest: whoever is shown evidence
later can tell whether it is what the verdict rested on. Delivery is at least once and shows once: the investigation's
id is the key by which the ledger recognises a repeated note, and the same assessment always makes the same note.

Each state an action comes to that people must know of is an entry of its own, under a key of its own, in the state it
has when it is told: one that went on while the ledger was away is recorded as what it became.

Beside the data the entry names its one GPU only as evidence showed it. A guess would be kept for years.

Text goes in as it was published, on one line and cut: an entry stays for years and nobody can shorten it later.
"""

from __future__ import annotations

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.assessment import Assessment, RecommendedAction
from gcm_sentinel.domain.audit import ActionNote, AssessmentNote, EvidenceMark, NotedGpu, Recorder
from gcm_sentinel.domain.concerned import concerned
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import TOLD, PublishedAction
from gcm_sentinel.notify import oneline
from gcm_sentinel.notify.retry import RetryPolicy, attempts

_SUMMARY_MAX = 2000
_NODES_MAX = 1000
_ACTIONS_MAX = 50
_INDEX_LIMIT = 1 << 32
"""What an entry can hold is below it."""


class LedgerNotifier:
    """A `Notifier` that appends to one ledger."""

    name = "ledger"

    def __init__(self, recorder: Recorder, *, policy: RetryPolicy | None = None) -> None:
        """Take the ledger."""
        self._recorder = recorder
        self._policy = policy or RetryPolicy()

    async def publish(self, publication: Publication) -> None:
        """Record, retrying what may change until the policy's deadline.

        Raises:
            Retryable: it still failed at the deadline.
            Permanent: the ledger refused it.
        """
        await self._record(note_of(publication), publication.incident.investigation_id)
        for action in publication.actions:
            if action.state in TOLD:
                await self._record(
                    action_note_of(publication, action), f"{action.id}/{action.state}/{action.since:%Y%m%dT%H%M%S.%f}"
                )

    async def _record(self, note: AssessmentNote | ActionNote, key: str) -> None:
        async for attempt in attempts(self._policy, self.name):
            with attempt:
                await self._recorder.record(note, key=key)


def note_of(publication: Publication) -> AssessmentNote:
    """What the ledger is told; equal for equal publications."""
    incident, assessment = publication.incident, publication.assessment
    draft = assessment.draft
    gpu_uuids = _gpu_uuids(publication)
    return AssessmentNote(
        incident_id=incident.id,
        investigation_id=incident.investigation_id,
        nodes=tuple(dict.fromkeys((incident.node, *incident.affected)))[:_NODES_MAX],
        gpu_uuids=gpu_uuids,
        severity=str(draft.severity),
        fault_class=str(draft.fault_class),
        summary=oneline.cut_characters(oneline.summary(assessment), _SUMMARY_MAX),
        confidence=draft.confidence,
        actions=tuple(_action(item) for item in draft.actions[:_ACTIONS_MAX]),
        engine=assessment.engine,
        model=oneline.one_line(assessment.model),
        concluded_at=assessment.created_at,
        evidence=_cited(publication),
        gpu=_seen(gpu_uuids[0], _shown(publication)) if len(gpu_uuids) == 1 else None,
    )


def action_note_of(publication: Publication, action: PublishedAction) -> ActionNote:
    """What the ledger is told of an action; equal for the same action in the same state.

    Who decided is told with what came of it: while it waits somebody may have decided already, or not yet.
    """
    waits = action.state is ActionState.WAITING
    target = f"{action.target.kind} {action.target.name} {action.target.uid}"
    return ActionNote(
        incident_id=publication.incident.id,
        investigation_id=publication.incident.investigation_id,
        operation=str(action.operation),
        target=oneline.one_line(target),
        state=str(action.state),
        digest=action.digest,
        decided_by="" if waits else oneline.one_line(action.decided_by),
        note=oneline.cut_characters(oneline.one_line(action.note), _SUMMARY_MAX),
        at=action.since,
    )


def _gpu_uuids(publication: Publication) -> tuple[str, ...]:
    """The GPUs it is about: its culprits, else the GPUs its actions aim at; with those the triggers named."""
    blamed = concerned(publication.assessment.draft, _shown(publication))
    found = [entity.uuid for entity in blamed if entity.kind is EntityKind.GPU and entity.uuid]
    found += [trigger.gpu_uuid for trigger in publication.incident.triggers if trigger.gpu_uuid]
    return tuple(dict.fromkeys(map(oneline.one_line, found)))


def _shown(publication: Publication) -> tuple[Entity, ...]:
    return tuple(entity for item in publication.evidence for entity in item.result.entities)


def _seen(uuid: str, shown: tuple[Entity, ...]) -> NotedGpu | None:
    """The GPU at the place where evidence showed it; None where it showed none, or contradicts itself."""
    same = (entity for entity in shown if entity.kind is EntityKind.GPU and oneline.one_line(entity.uuid or "") == uuid)
    places = {place for entity in same if (place := _place(entity, uuid)) is not None}
    return places.pop() if len(places) == 1 else None


def _place(entity: Entity, uuid: str) -> NotedGpu | None:
    if not entity.node or entity.index is None or not 0 <= entity.index < _INDEX_LIMIT:
        return None
    return NotedGpu(uuid, oneline.one_line(entity.node), entity.index)


def _action(item: RecommendedAction) -> str:
    return f"{item.action} {oneline.one_line(item.target.name)}" if item.target else str(item.action)


def _cited(publication: Publication) -> tuple[EvidenceMark, ...]:
    """Every piece of evidence the assessment rests on, in order of its number; one that is lost keeps its id."""
    stored = {item.id: item for item in publication.evidence}
    ids = sorted(_ids(publication.assessment), key=lambda name: (len(name), name))
    return tuple(_mark(name, stored.get(name)) for name in ids)


def _mark(name: str, item: Evidence | None) -> EvidenceMark:
    return EvidenceMark(name, item.source, item.digest) if item else EvidenceMark(name, "", "")


def _ids(assessment: Assessment) -> frozenset[str]:
    draft = assessment.draft
    cited = {cite.evidence for claim in draft.claims for cite in claim.cites}
    return frozenset(cited | {name for step in draft.causal_chain for name in step.evidence})
