"""Causes that many GPUs share: found, told once they have lasted, and taken back when they no longer hold.

What such a cause explains is dropped from the evidence against every GPU at once, so it never counts later. People are
told after a minute, when all hosts have reported: the first of them alone look like something narrower.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sentinel_gateway.core import records
from sentinel_gateway.core.correlating import correlate_cause
from sentinel_gateway.core.memory import Layer
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.touched import Failed, Sighted
from sentinel_gateway.domain.bursts import without
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.happened import GuardChange
from sentinel_gateway.domain.happenings import CommonCause
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.observations import Observed
from sentinel_gateway.model.guards import Guard, Shared, Sighting, explained, guards
from sentinel_gateway.model.patterns import words_of
from sentinel_gateway.storage.changes import RaisedGuard

TOLD_AFTER_NS = 60 * 10**9
_COMPARED_NS = 5 * 10**9
"""While all that fails is explained, the fleet is looked at so often: a storm of failures must not cost a look each."""


def common_causes(round_: Round) -> tuple[Guard, ...]:
    """What holds now. Evidence that it explains is dropped; what began or ended is told."""
    touched, known = round_.touched, active(round_)
    if not touched.failures and not (touched.is_time and known):
        return known
    sight(round_.sightings, touched.failures, round_.now_ns)
    if _is_explained(known, round_):
        _acquit_all(dict.fromkeys(uuid for uuid, _ in touched.failures), known, round_)
        return known
    round_.compared_ns = round_.now_ns
    forget(round_.sightings, round_.now_ns - _window_ns(round_))
    found = guards(_sightings(round_), round_.kinds.census, round_.model)
    found = (*found, *_of_before(found, known, round_))
    before = {guard.key for guard in known}
    _raise(found, round_)
    _lift({guard.key for guard in found}, before, round_)
    is_new = any(guard.key not in before and guard.shared is not Shared.HOST for guard in found)
    failed = round_.sightings.items() if is_new else touched.failures.items()
    _acquit_all(dict.fromkeys(uuid for (uuid, _), _ in failed), found, round_)
    return found


def _of_before(found: Sequence[Guard], known: Sequence[Guard], round_: Round) -> Iterator[Guard]:
    """Those of before a restart, for as long as what was sighted then would count: what they acquit left no trace."""
    keys = {guard.key for guard in found}
    if round_.now_ns < round_.loaded_ns + _window_ns(round_):
        for guard in known:
            raised = round_.guards.get(guard.key)
            if guard.key not in keys and raised is not None and raised.since_ns < round_.loaded_ns:
                yield guard


def _window_ns(round_: Round) -> int:
    return int(round_.model.guard_window.total_seconds() * 1e9)


def _is_explained(known: Sequence[Guard], round_: Round) -> bool:
    """Whether the fleet was looked at just now, and what failed since has the causes that were found."""
    if round_.touched.is_time or round_.now_ns - round_.compared_ns >= _COMPARED_NS:
        return False
    failed = ((round_.gpus.get(uuid), kind) for uuid, kind in round_.touched.failures)
    return all(gpu is not None and explained(known, gpu.gpu) >> kind & 1 for gpu, kind in failed)


def active(round_: Round) -> tuple[Guard, ...]:
    """Those that were found last."""
    return tuple(
        Guard(Shared(one.shared), one.value, one.probe_types, one.gpus, one.of) for one in round_.guards.values()
    )


def sight(layer: Layer[tuple[str, int], Sighted], news: Mapping[tuple[str, int], Failed], now_ns: int) -> None:
    """Remember what was sighted in this round."""
    for key, failed in news.items():
        known = layer.get(key)
        earliest_ns = min(failed.earliest_ns, known.earliest_ns) if known else failed.earliest_ns
        layer.put(key, Sighted(now_ns, earliest_ns, failed.event_id))


def forget(layer: Layer[tuple[str, int], Sighted], before_ns: int) -> None:
    """Forget what left the window."""
    gone = [key for key, seen in layer.items() if seen.received_ns <= before_ns]
    for key in gone:
        layer.remove(key)


def _sightings(round_: Round) -> Iterator[Sighting]:
    """Failures of the window; GPUs that were taken out before it are known to be defective and show nothing more."""
    since_ns = round_.now_ns - _window_ns(round_)
    for (uuid, probe_type), seen in round_.sightings.items():
        known = round_.gpus.get(uuid)
        if known is None or (not known.is_in_use and known.state_changed_ns <= since_ns):
            continue
        if known.state is not HealthState.CONDEMNED:
            yield Sighting(known.gpu, probe_type, seen.received_ns)


def _raise(found: Sequence[Guard], round_: Round) -> None:
    for guard in found:
        known = round_.guards.get(guard.key)
        since_ns, is_told = (known.since_ns, known.is_told) if known else (round_.now_ns, False)
        now = RaisedGuard(
            guard.key, guard.shared.value, guard.value, guard.probe_types, guard.gpus, guard.of, since_ns, is_told
        )
        if not is_told and round_.now_ns - since_ns >= TOLD_AFTER_NS:
            now = replace(now, is_told=True)
            _tell(now, round_, raised=True)
            correlate_cause(guard, round_)
        if now != known:
            round_.guards.put(guard.key, now)


def _lift(found: set[str], before: set[str], round_: Round) -> None:
    for key in before - found:
        known = round_.guards.get(key)
        round_.guards.remove(key)
        if known is not None and known.is_told:
            _tell(known, round_, raised=False)


def _tell(guard: RaisedGuard, round_: Round, *, raised: bool) -> None:
    words = words_of(Shared(guard.shared))
    change = GuardChange(guard.key, guard.shared, guard.value, guard.gpus, guard.of, raised, words)
    fields = {"key": guard.key, "gpus": str(guard.gpus), "of": str(guard.of), "description": words}
    event = "common_cause.found" if raised else "common_cause.over"
    round_.entries.append(records.system(event, fields, round_.now_ns))
    round_.follow(change, None)
    cause = CommonCause(
        time_ns=round_.now_ns,
        hostname=guard.value if guard.shared == Shared.HOST.value else "",
        cause=guard.key,
        shared=guard.shared,
        value=guard.value,
        gpus=guard.gpus,
        of=guard.of,
        is_over=not raised,
    )
    round_.happenings.append(cause)


def _acquit_all(uuids: Iterable[str], found: Sequence[Guard], round_: Round) -> None:
    if any(guard.shared is not Shared.HOST for guard in found):
        for uuid in uuids:
            _acquit(uuid, found, round_)


def _acquit(uuid: str, found: Sequence[Guard], round_: Round) -> None:
    known = round_.gpus.get(uuid)
    if known is None or not known.sms.trails or not (types := explained(found, known.gpu)):
        return
    seen = [one for kind in range(16) if (one := round_.sightings.get((uuid, kind)))]
    since_ns = min((one.earliest_ns for one in seen), default=round_.now_ns - _window_ns(round_))
    kept = without(known.sms.trails, types, since_ns)
    if kept != known.sms.trails:
        recent = tuple(one for one in known.recent if kept or one.kind is not Observed.PROBE_FAILED)
        round_.gpus.put(uuid, replace(known, sms=replace(known.sms, trails=kept), recent=recent))
        round_.note("failures.acquitted", cause=_named(found, known))


def _named(found: Sequence[Guard], known: GpuState) -> str:
    covering = (guard.key for guard in found if guard.shared is not Shared.HOST and guard.covers(known.gpu))
    return ", ".join(sorted(covering))
