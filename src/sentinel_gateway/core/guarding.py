"""Causes that many GPUs share: found, told once they have lasted, and taken back when they no longer hold.

What such a cause explains is dropped from the evidence against every GPU (`acquitting`). People are told after a
minute, when all hosts have reported: the first of them alone look like something narrower.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sentinel_gateway.core import records
from sentinel_gateway.core.acquitting import acquit, acquitted_types, begin, end_acquittals
from sentinel_gateway.core.correlating import correlate_cause
from sentinel_gateway.core.memory import Layer
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.happened import GuardChange
from sentinel_gateway.domain.happenings import CommonCause
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.sightings import Failed, Sighted
from sentinel_gateway.model.guards import ALL_TYPES, Guard, Shared, Sighting, guards
from sentinel_gateway.model.patterns import words_of
from sentinel_gateway.storage.changes import RaisedGuard

TOLD_AFTER_NS = 60 * 10**9
LOOK_AGAIN_NS = 5 * 10**9
"""In a storm of failures the fleet is looked at so often, for each look costs up to half a second."""
FEW = 1000
"""And where fewer kinds of failures of GPUs than these were sighted, whenever one has no cause yet."""


def common_causes(round_: Round) -> tuple[Guard, ...]:
    """What holds now. Evidence that it explains is dropped; what began or ended is told."""
    touched, found = round_.touched, active(round_)
    if touched.failures or (touched.is_time and (found or len(round_.sightings) or len(round_.acquittals))):
        sight(round_.sightings, touched.failures, round_.now_ns, _window_ns(round_))
        if _is_due(found, round_):
            found = _look(found, round_)
        else:
            _hold(found, round_)
    acquit(found, round_)
    return found


def _look(known: tuple[Guard, ...], round_: Round) -> tuple[Guard, ...]:
    """Look at all failures of the window anew."""
    is_first = not round_.looks.compared_ns
    round_.looks.compared_ns = round_.now_ns
    forget(round_.sightings, round_.now_ns - _window_ns(round_))
    end_acquittals(round_)
    found = guards(_sightings(round_), round_.kinds.census, round_.model)
    before = {guard.key for guard in known}
    _raise(found, round_)
    _lift({guard.key for guard in found}, before, round_)
    if is_first or any(guard.key not in before and guard.shared is not Shared.HOST for guard in found):
        begin({uuid for (uuid, _), _ in round_.sightings.items()}, found, round_)
    _let_go(round_)
    return found


def _let_go(round_: Round) -> None:
    """Judge those in this round that were held until the fleet was looked at, where what they failed still counts."""
    lately = {uuid for (uuid, _), _ in round_.sightings.items()}
    for uuid in [uuid for uuid, _ in round_.held.items()]:
        round_.held.remove(uuid)
        if uuid in lately:
            round_.touched.accused[uuid] = None


def _is_due(known: Sequence[Guard], round_: Round) -> bool:
    """Whether the fleet is to be looked at: always where little fails, else once in a while."""
    if round_.now_ns - round_.looks.compared_ns >= LOOK_AGAIN_NS:
        return True
    if round_.touched.is_time and not round_.touched.failures:
        return False
    return len(round_.sightings) < FEW and any(not _is_explained(key, known, round_) for key in round_.touched.failures)


def _hold(known: Sequence[Guard], round_: Round) -> None:
    """Judge GPUs that fail in ways which have no cause yet only after the next look, which may find it."""
    for uuid, kind in round_.touched.failures:
        if not _is_explained((uuid, kind), known, round_):
            round_.held.put(uuid, round_.now_ns)
    for uuid in [uuid for uuid in round_.touched.accused if round_.held.get(uuid)]:
        del round_.touched.accused[uuid]


def _is_explained(key: tuple[str, int], known: Sequence[Guard], round_: Round) -> bool:
    gpu = round_.gpus.get(key[0])
    return gpu is not None and bool(acquitted_types(gpu, known, round_) >> key[1] & 1)


def _window_ns(round_: Round) -> int:
    return int(round_.model.guard_window.total_seconds() * 1e9)


def active(round_: Round) -> tuple[Guard, ...]:
    """Those that were found last."""
    return tuple(
        Guard(Shared(one.shared), one.value, one.probe_types, one.gpus, one.of) for one in round_.guards.values()
    )


def sight(layer: Layer[tuple[str, int], Sighted], news: Mapping[tuple[str, int], Failed], now_ns: int, ns: int) -> None:
    """Remember what was sighted in this round, where the window is `ns` long."""
    for key, failed in news.items():
        known = layer.get(key)
        layer.put(key, known.again(failed, now_ns, ns) if known else Sighted.first(failed, now_ns))


def forget(layer: Layer[tuple[str, int], Sighted], before_ns: int) -> None:
    """Forget what left the window."""
    gone = [key for key, seen in layer.items() if seen.received_ns <= before_ns]
    for key in gone:
        layer.remove(key)


def _sightings(round_: Round) -> Iterator[Sighting]:
    """Failures of the window; GPUs that were taken out before it are known to be defective and show nothing more."""
    since_ns = round_.now_ns - _window_ns(round_)
    shown: dict[str, Gpu | None] = {}
    for (uuid, probe_type), seen in round_.sightings.items():
        if uuid not in shown:
            shown[uuid] = _shown(round_.gpus.get(uuid), since_ns)
        gpu = shown[uuid]
        if gpu is not None:
            yield Sighting(gpu, probe_type, seen.received_ns)


def _shown(known: GpuState | None, since_ns: int) -> Gpu | None:
    if known is None or known.state is HealthState.CONDEMNED:
        return None
    return known.gpu if known.is_in_use or known.state_changed_ns > since_ns else None


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


def change_of(guard: RaisedGuard, *, raised: bool = True) -> GuardChange:
    """How a cause stands, for everybody who is told of it."""
    types = () if guard.probe_types == ALL_TYPES else tuple(kind for kind in range(16) if guard.probe_types >> kind & 1)
    words = words_of(Shared(guard.shared))
    return GuardChange(guard.key, guard.shared, guard.value, guard.gpus, guard.of, raised, words, types, guard.since_ns)


def _tell(guard: RaisedGuard, round_: Round, *, raised: bool) -> None:
    change = change_of(guard, raised=raised)
    cause = CommonCause.of(change, round_.now_ns)
    fields = {"key": guard.key, "gpus": str(guard.gpus), "of": str(guard.of), "description": change.description}
    fields["probe_types"] = cause.facts()["probe_types"]
    event = "common_cause.found" if raised else "common_cause.over"
    round_.entries.append(records.system(event, fields, round_.now_ns))
    round_.follow(change, None)
    round_.happenings.append(cause)
