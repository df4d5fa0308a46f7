"""Findings: several observations told as one thing, once in a while for each GPU, pattern and SM."""

from __future__ import annotations

from sentinel_gateway.core.ids import uuid7
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.directives import MAX_EVIDENCE
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.history import Correlation
from sentinel_gateway.domain.observations import Observed
from sentinel_gateway.model.guards import Guard
from sentinel_gateway.model.patterns import Pattern, Record, localized, of_guard, patterns
from sentinel_gateway.model.verdicts import Verdict

TELL_AGAIN_NS = 3600 * 10**9
"""After which a pattern that goes on is told again."""
_MANY = 10_000
"""Patterns that were told are forgotten from time to time; so many are kept at least."""


def correlate(round_: Round) -> None:
    """Look for patterns in what happened in this round to GPUs in use, or that were until now."""
    for uuid in round_.touched.observed:
        known = round_.gpus.get(uuid)
        if known is None or not (known.is_in_use or known.state_changed_ns == round_.now_ns):
            continue
        record = Record(known.recent, known.sms.trails, known.signs, round_.now_ns)
        for pattern in patterns(record, round_.model):
            _tell(known, pattern, round_)


def correlate_verdict(known: GpuState, found: Verdict, round_: Round) -> None:
    """Tell which SM a step against a GPU is for; told with every step."""
    if found.sm_id is not None:
        _keep(known, localized(found, failures_of(known, found.sm_id)), round_)


def correlate_cause(guard: Guard, round_: Round) -> None:
    """Tell of a cause that many GPUs share; its evidence is the latest failure of each GPU and probe type."""
    events = tuple(
        seen.event_id
        for (uuid, kind), seen in round_.sightings.items()
        if seen.event_id and guard.probe_types >> kind & 1 and (known := round_.gpus.get(uuid))
        if guard.covers(known.gpu)
    )
    pattern = of_guard(guard, events[:MAX_EVIDENCE], round_.model)
    round_.correlate(_correlation(None, pattern, round_))


def failures_of(known: GpuState, sm_id: int | None) -> tuple[str, ...]:
    """Ids of the latest failures of an SM, or of the whole GPU for None; and of other signs against it."""
    failed = [one.event_id for one in known.recent if one.kind is Observed.PROBE_FAILED and sm_id in (None, one.sm_id)]
    return tuple(dict.fromkeys([*(sign.event_id for sign in known.signs), *failed]))


def _tell(known: GpuState, pattern: Pattern, round_: Round) -> None:
    key = known.gpu.uuid, int(pattern.type), pattern.sm_id
    told_ns = round_.told.get(key)
    if told_ns is None or round_.now_ns - told_ns >= TELL_AGAIN_NS:
        _forget_some(round_)
        round_.told.put(key, round_.now_ns)
        _keep(known, pattern, round_)


def _forget_some(round_: Round) -> None:
    if len(round_.told) < _MANY:
        return
    for key, told_ns in list(round_.told.items()):
        if round_.now_ns - told_ns >= TELL_AGAIN_NS:
            round_.told.remove(key)


def _keep(known: GpuState, pattern: Pattern, round_: Round) -> None:
    round_.correlate(_correlation(known, pattern, round_))


def _correlation(known: GpuState | None, pattern: Pattern, round_: Round) -> Correlation:
    return Correlation(
        event_id=uuid7(round_.now_ns),
        events=pattern.events,
        pattern_type=int(pattern.type),
        confidence=pattern.confidence,
        gpu=known.gpu if known else None,
        sm_id=pattern.sm_id,
        description=pattern.description,
        time_ns=round_.now_ns,
        severity=pattern.severity,
        recommended_action=pattern.recommended_action,
    )
