"""What an event of a SENTINEL gateway means for those on call, as triggers. Pure.

A table says what is told: a state that is worse than HEALTHY, a pattern about one GPU, a directive that waits for a
person, a cause that many GPUs share. A recovery is told where something of the GPU is known to be wrong. What only goes
along with these (a deep test that begins, a directive that was executed, the pattern of a shared cause) is quiet.

A subject is a kind on a node and a GPU, as everywhere; a shared cause has a kind of its own, because two may be raised
on one node at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from gcm_sentinel.domain.gpu_health import Gpu, GpuHealth, GpuState, Pattern, Transition
from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.domain.sentinel_events import WAITING, Directive, Event, SharedCause
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus

SOURCE = "sentinel"
STATE = "SentinelGpuState"
DIRECTIVE = "SentinelDirectiveWaiting"
SHARED = "SentinelSharedCause:"
"""Begins the kind of a shared cause; its key follows."""
UNKNOWN_HOST = "unknown-host"
"""Stands for the node of a GPU whose agent gave no host name: what is wrong with it is told all the same."""
_WORDS_MAX = 600
_KEY_MAX = 120


class Place(NamedTuple):
    """What a trigger of this source is about."""

    node: str
    kind: str
    gpu_uuid: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is known to be wrong."""

    status: TriggerStatus
    since: datetime | None


Known = Mapping[Place, Wrong]


@dataclass(frozen=True, slots=True)
class _State:
    """How a state of a GPU is told."""

    reason: str
    status: TriggerStatus = TriggerStatus.PROBLEM
    quiet: bool = False
    """Not told where something worse is known to be wrong with the GPU already."""


_STATES: Mapping[GpuState, _State] = MappingProxyType({
    GpuState.SUSPECT: _State("Suspect"),
    GpuState.QUARANTINED: _State("Quarantined"),
    GpuState.DEEP_TEST: _State("DeepTest", quiet=True),
    GpuState.CONDEMNED: _State("Condemned"),
    GpuState.UNKNOWN: _State("StateNotKnown", TriggerStatus.UNKNOWN),
})  # fmt: skip


def place_of(trigger: Trigger) -> Place:
    """What a trigger is about."""
    return Place(trigger.node, trigger.kind, trigger.gpu_uuid or "")


def remembered(known: Iterable[Symptom]) -> dict[Place, Wrong]:
    """What storage says is wrong: where a watcher begins."""
    return {Place(item.node, item.kind, item.gpu_uuid): Wrong(item.status, item.since) for item in known}


def after(known: Known, triggers: Iterable[Trigger]) -> dict[Place, Wrong]:
    """What is known once `triggers` were told."""
    found = dict(known)
    for trigger in triggers:
        if trigger.status is TriggerStatus.RECOVERED:
            found.pop(place_of(trigger), None)
        else:
            found[place_of(trigger)] = Wrong(trigger.status, trigger.transition_at or trigger.observed_at)
    return found


def sharing(known: Known) -> dict[str, str]:
    """Which nodes share which cause, other than being one host."""
    keys = {place.node: place.kind.removeprefix(SHARED) for place in known if place.kind.startswith(SHARED)}
    return {node: key for node, key in keys.items() if not key.startswith("host/")}


def told(event: Event, known: Known, now: datetime, cohort: Iterable[str] = ()) -> tuple[Trigger, ...]:
    """The triggers of one event; `cohort` are the nodes a shared cause is seen on."""
    match event.what:
        case Transition() as change if event.gpu:
            found = of_state(event.gpu, change, known, now)
        case Pattern() as pattern:
            found = _of_pattern(pattern, event, now)
        case Directive() as directive:
            found = of_directive(directive, event.gpu, known, now)
        case SharedCause() as cause:
            found = of_cause(cause, event.at, known, now, cohort)
        case _:
            found = ()
    return tuple(_at(trigger, event.position) for trigger in found)


def of_state(gpu: Gpu, change: Transition, known: Known, now: datetime) -> tuple[Trigger, ...]:
    """A GPU changed its state. HEALTHY ends whatever was wrong with it, wherever it was.

    Nothing where stock that was taken meanwhile told this change already, or a later one.
    """
    before = known.get(Place(gpu.node or UNKNOWN_HOST, STATE, gpu.uuid))
    if before and before.since and change.at and change.at <= before.since:
        return ()
    words = f"{gpu.uuid} {change.before} -> {change.after}{_by(change.by)}: {change.reason or 'no reason given'}"
    return _standing(gpu, change.after, (change.at, words), known, now)


def of_health(health: GpuHealth, known: Known, now: datetime) -> tuple[Trigger, ...]:
    """A GPU stands in a state, as the gateway says when it is asked; nothing where this was told before."""
    before = known.get(Place(health.gpu.node or UNKNOWN_HOST, STATE, health.gpu.uuid))
    row = _STATES.get(health.state)
    if before and row and before.status is row.status and health.since in (None, before.since):
        return ()
    words = f"{health.gpu.uuid} is {health.state}: {health.why or 'no reason given'}"
    return _standing(health.gpu, health.state, (health.since, words), known, now)


def not_known_any_more(place: Place, now: datetime, since: datetime | None) -> Trigger:
    """The gateway does not know a GPU any more that something was wrong with: that is no recovery."""
    words = "the gateway does not know this GPU any more; what became of it is not known"
    return _trigger(place, TriggerStatus.UNKNOWN, "GpuNotKnown", words, now, since)


def _standing(
    gpu: Gpu, state: GpuState, said: tuple[datetime | None, str], known: Known, now: datetime
) -> tuple[Trigger, ...]:
    at, words = said
    mine = [place for place in known if place.gpu_uuid == gpu.uuid and place.kind != DIRECTIVE]
    if state is GpuState.HEALTHY:
        return tuple(recovery(place, "Healthy", words, now, at) for place in mine)
    row, here = _STATES[state], Place(gpu.node or UNKNOWN_HOST, STATE, gpu.uuid)
    moved = [place for place in mine if place.node != here.node]
    gone = tuple(recovery(place, "GpuMoved", f"the GPU is on {here.node} now", now, at) for place in moved)
    quiet = row.quiet and here in known
    return gone if quiet else (*gone, _trigger(here, row.status, row.reason, words, now, at))


def _of_pattern(pattern: Pattern, event: Event, now: datetime) -> tuple[Trigger, ...]:
    """A pattern about one GPU; those of many GPUs come with a shared cause, which tells more."""
    gpu = pattern.gpu or event.gpu
    if gpu is None or not gpu.uuid:
        return ()
    kind = "Sentinel" + "".join(part.capitalize() for part in pattern.kind.split("_"))
    where = f" SM {pattern.sm}" if pattern.sm is not None else ""
    words = (
        f"{gpu.uuid}{where}: {pattern.description or pattern.kind} (confidence {pattern.confidence:.2f},"
        f" {len(pattern.events)} events); {pattern.recommended}"
    )
    place = Place(gpu.node or UNKNOWN_HOST, kind, gpu.uuid)
    reason = pattern.severity.capitalize() or "NotRated"
    return (_trigger(place, TriggerStatus.PROBLEM, reason, words, now, pattern.at or event.at),)


def of_directive(directive: Directive, gpu: Gpu | None, known: Known, now: datetime) -> tuple[Trigger, ...]:
    """A directive waits for a person, or waits no more."""
    about = directive.gpu or gpu
    if about is None:
        return ()
    place = Place(about.node or UNKNOWN_HOST, DIRECTIVE, about.uuid)
    if directive.status != WAITING:
        places = [other for other in known if other.kind == DIRECTIVE and other.gpu_uuid == about.uuid]
        words = f"directive {directive.id} is {directive.status}{': ' if directive.note else ''}{directive.note}"
        return tuple(recovery(other, "Decided", words, now, known[other].since) for other in places)
    until = f", given up at {directive.expires_at.isoformat()}" if directive.expires_at else ""
    words = (
        f"{about.uuid}: {directive.action} waits for a person{_by(directive.issued_by)}{until};"
        f" directive {directive.id}: {directive.reason or 'no reason given'}"
    )
    reason = "".join(part.capitalize() for part in directive.action.split("_"))
    return (_trigger(place, TriggerStatus.PROBLEM, reason, words, now, directive.issued_at),)


def of_cause(
    cause: SharedCause, at: datetime | None, known: Known, now: datetime, cohort: Iterable[str]
) -> tuple[Trigger, ...]:
    """A cause that GPUs share was raised, one trigger for each node it is seen on, or lifted."""
    kind = kind_of(cause)
    if not cause.raised:
        places = [place for place in known if place.kind == kind]
        return tuple(recovery(place, "Lifted", f"not so any more: {cause.description}", now, at) for place in places)
    reason = "".join(part.capitalize() for part in cause.shared.split("_"))
    where = f" {cause.value}" if cause.value else ""
    probes = f" {' and '.join(cause.probe_types)} probes" if cause.probe_types else ""
    words = f"{cause.shared}{where}: {cause.gpus} of {cause.of} GPUs fail{probes} for one reason: {cause.description}"
    places = [Place(node, kind, "") for node in sorted(set(cohort))]
    return tuple(_trigger(place, TriggerStatus.PROBLEM, reason, words, now, at) for place in places)


def kind_of(cause: SharedCause) -> str:
    """The kind of its triggers: the same from raised to lifted."""
    return _plain(f"{SHARED}{cause.key}", _KEY_MAX)


def recovery(place: Place, reason: str, words: str, now: datetime, at: datetime | None) -> Trigger:
    """What was wrong at a place is not any more."""
    return _trigger(place, TriggerStatus.RECOVERED, reason, words, now, at)


def _trigger(
    place: Place, status: TriggerStatus, reason: str, words: str, now: datetime, at: datetime | None
) -> Trigger:
    return Trigger(
        source=SOURCE,
        node=_plain(place.node, 253),
        kind=place.kind,
        status=status,
        reason=reason,
        message=_plain(words, _WORDS_MAX),
        observed_at=now,
        transition_at=at,
        gpu_uuid=place.gpu_uuid or None,
    )


def _at(trigger: Trigger, position: int) -> Trigger:
    return replace(trigger, sequence=position)


def _by(who: str) -> str:
    return f" by {who}" if who else ""


def _plain(words: str, longest: int) -> str:
    """One line of bounded length, of what agents and people wrote."""
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return line if len(line) <= longest else f"{line[:longest]} [cut]"
