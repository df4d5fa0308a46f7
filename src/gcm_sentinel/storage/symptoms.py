"""What is wrong now, as the last observation of each subject says: which of two observations is the newer, and what
follows from a batch of them. The decisions are pure; `triggers.py` reads and writes.

Rows of recovered subjects stay, unseen from outside, so that an older observation that arrives late (from a replica
that lags, or an API server's stale cache) is told from a new one. What arrives again counts too: a condition that
nobody dates looks the same the second time it goes bad, and so does one that is watched again after it was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.storage.codecs import clean, micros, when
from gcm_sentinel.storage.incident_rows import family_of
from gcm_sentinel.storage.schema import symptoms

_STATUS = {str(status): status for status in TriggerStatus}
_RECOVERED = TriggerStatus.RECOVERED


class Subject(NamedTuple):
    """What an observation is about: one kind on one node (by name and uid) and GPU, as one source sees it."""

    source: str
    node: str
    node_uid: str
    kind: str
    gpu_uuid: str


@dataclass(frozen=True, slots=True)
class Known:
    """The last observation of a subject; times in microseconds."""

    status: TriggerStatus
    since: int
    transition_at: int | None
    observed_at: int
    incident_id: str | None = None
    sequence: int | None = None
    """The source's own count of changes; None where it counts nothing."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a batch of observations means."""

    fresh: tuple[tuple[str, Trigger], ...]
    """Those to be looked at, each with the key it is stored under, in the order they came."""
    stale: tuple[tuple[str, Trigger], ...]
    """Those not stored before that are older than what is known: kept, but nothing follows."""
    changed: Mapping[Subject, Known]
    """What is known from now on, where it changed."""


def subject_of(trigger: Trigger) -> Subject:
    """What `trigger` is about."""
    return Subject(
        clean(trigger.source),
        clean(trigger.node),
        clean(trigger.node_uid or ""),
        clean(trigger.kind),
        clean(trigger.gpu_uuid or ""),
    )


def again_key(trigger: Trigger) -> str:
    """What an observation is stored under that says something new although its fingerprint was stored before."""
    return f"{trigger.fingerprint}@{micros(trigger.observed_at)}"


def settle(known: Mapping[Subject, Known], stored: Iterable[str], observed: Sequence[Trigger]) -> Settled:
    """What `observed`, in the order it came, adds to what is `known`; `stored` are the keys stored before."""
    seen, changed = set(stored), dict[Subject, Known]()
    fresh: list[tuple[str, Trigger]] = []
    stale: list[tuple[str, Trigger]] = []
    for trigger in observed:
        subject, key = subject_of(trigger), trigger.fingerprint
        before, after = changed.get(subject) or known.get(subject), _as_known(trigger)
        newer = before is None or _is_newer(after, before)
        if key in seen:
            key = again_key(trigger)
            if key in seen or before is None or not newer or not _says_more(after, before):
                continue
        seen.add(key)
        (fresh if newer else stale).append((key, trigger))
        if newer:
            changed[subject] = _carry_on(before, after)
    return Settled(tuple(fresh), tuple(stale), changed)


def _as_known(trigger: Trigger) -> Known:
    transition, observed = micros(trigger.transition_at), micros(trigger.observed_at)
    since = observed if transition is None else transition
    return Known(trigger.status, since, transition, observed, sequence=trigger.sequence)


def _is_newer(one: Known, other: Known) -> bool:
    """By the source's own count where both have one, else by their transitions, else by when they were observed.

    Transitions alone mislead: a node whose clock is behind dates its recovery before the problem that the controller
    dated. A lower count with a later transition is newer all the same: the source was restored from a backup. A
    transition that lies after its observation was written by a clock that is ahead; it counts as observed then.
    """
    if one.sequence is not None and other.sequence is not None and one.sequence > other.sequence:
        return True
    if one.transition_at is not None and other.transition_at is not None and one.transition_at != other.transition_at:
        return min(one.transition_at, one.observed_at) >= min(other.transition_at, other.observed_at)
    return one.observed_at >= other.observed_at


def _says_more(after: Known, before: Known) -> bool:
    if after.sequence is not None and before.sequence is not None:
        return after.status is not before.status and after.sequence > before.sequence
    return after.status is not before.status and after.observed_at > before.observed_at


def _carry_on(before: Known | None, after: Known) -> Known:
    """What stays bad stays with its incident; what went bad again belongs to none yet."""
    if before is None or _RECOVERED in (before.status, after.status):
        return after
    return replace(after, incident_id=before.incident_id)


IS_BAD = symptoms.c.status != str(_RECOVERED)
"""Holds for subjects with which something is wrong."""

_OF_SYMPTOM = ("node", "kind", "status", "since", "gpu_uuid", "source", "incident_id", "node_uid")
SYMPTOMS = select(*(symptoms.c[name] for name in _OF_SYMPTOM))
"""Selects what `symptom_of` reads."""
KNOWN = select(symptoms)
"""Selects what `known_of` reads."""


def symptom_of(row: Row[Any]) -> Symptom:
    """The symptom in a row of `SYMPTOMS`; raises one of `DAMAGE` when the row is damaged."""
    return _symptom(*row)


@lru_cache(maxsize=1 << 15)
def _symptom(*columns: Any) -> Symptom:  # noqa: ANN401 - as they come from the database
    """Remembered, because triage reads the symptoms of every open incident again for each decision."""
    node, kind, status, since, gpu_uuid, source, incident_id, node_uid = columns
    return Symptom(
        node=node,
        kind=kind,
        family=family_of(kind),
        status=_STATUS[status],
        since=when(since),
        gpu_uuid=gpu_uuid,
        source=source,
        incident_id=incident_id,
        node_uid=node_uid,
    )


def known_of(row: Row[Any]) -> tuple[Subject, Known]:
    """The subject of a row of `KNOWN` and what is known of it; raises one of `DAMAGE` when the row is damaged."""
    subject = Subject(row.source, row.node, row.node_uid, row.kind, row.gpu_uuid)
    known = Known(_STATUS[row.status], row.since, row.transition_at, row.observed_at, row.incident_id, row.sequence)
    return subject, known


def row_of(subject: Subject, known: Known) -> dict[str, Any]:
    """The row of one subject."""
    return {
        **subject._asdict(),
        "status": str(known.status),
        "since": known.since,
        "transition_at": known.transition_at,
        "observed_at": known.observed_at,
        "incident_id": known.incident_id,
        "sequence": known.sequence,
    }
