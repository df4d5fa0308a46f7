"""What many GPUs share is dropped from the evidence against each of them, so it never counts later.

A GPU stays acquitted of a probe type until it was clean of it for the window of the guards, whatever becomes of the
guard. Failures that stay on one SM while the whole fleet seems to fail are kept: so a defect looks that a guard hides,
and a person is asked about it; they are dropped when they have ended. Acquitting a whole fleet takes several rounds,
for all requests wait while one lasts; a GPU about which there is news is always acquitted first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.acquittals import NONE, Acquittal, Span
from sentinel_gateway.domain.bursts import WHOLE, Trails, without
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.observations import Observed
from sentinel_gateway.model.guards import Guard, Shared, Staying, explained, outlasts
from sentinel_gateway.model.verdicts import Step, Verdict

_AT_ONCE = 200
"""GPUs without news that are acquitted in one round."""
_DOUBT = "many GPUs fail these probes now, but the failures of this one stay on one SM"
_COMPARED = 50
"""GPUs are enough to see whether all fail on the SM of one number."""
_OWN = "many GPUs fail these probes, but these failures stay on one SM for longer than power or cooling would explain"
_NARROW = (Shared.GOLDEN_ANSWER, Shared.ROLLOUT)
_OUT = (Step.QUARANTINE, Step.PROPOSE)


def acquit(found: Sequence[Guard], round_: Round) -> None:
    """Drop what has a common cause from the GPUs with news, and from some of those that wait for it."""
    touched, waiting = round_.touched, round_.unacquitted
    news = dict.fromkeys(uuid for uuid, _ in touched.failures)
    news |= {uuid: None for uuid in (*touched.accused, *touched.eased) if waiting.get(uuid)}
    for uuid in news:
        _acquit(uuid, found, round_)
    for uuid in waiting.first(_AT_ONCE):
        _acquit(uuid, found, round_)


def begin(uuids: Iterable[str], found: Sequence[Guard], round_: Round) -> None:
    """Have GPUs acquitted in this round and the next ones, even if the guard is gone by then."""
    for uuid in uuids:
        known = round_.gpus.get(uuid)
        if known is not None and known.sms.trails and (types := explained(found, known.gpu)):
            round_.unacquitted.put(uuid, types | (round_.unacquitted.get(uuid) or 0))


def acquitted_types(known: GpuState, found: Sequence[Guard], round_: Round) -> int:
    """The probe types (bit n for type n) whose failures on a GPU have a common cause, or had it until lately."""
    before = round_.acquittals.get(known.gpu.uuid)
    waiting = round_.unacquitted.get(known.gpu.uuid) or 0
    return explained(found, known.gpu) | waiting | (before.types(_clean_ns(round_)) if before else 0)


def end_acquittals(round_: Round) -> None:
    """Those of GPUs that were clean for the window; what was kept on trial until now is dropped."""
    clean_ns = _clean_ns(round_)
    ended = [
        (uuid, one)
        for uuid, one in round_.acquittals.items()
        if any(span.last_ns <= clean_ns for span in one.spans.values())
    ]
    for uuid, acquittal in ended:
        on, over = acquittal.parted(clean_ns)
        if on.spans:
            round_.acquittals.put(uuid, on)
        else:
            round_.acquittals.remove(uuid)
        known = round_.gpus.get(uuid)
        if known is not None and known.sms.trails:
            _keep(known, over.own(known.sms.trails), round_)


class Opinion(NamedTuple):
    """Two verdicts about a GPU: with all its failures, and with those only that have no common cause."""

    all: Verdict
    own: Verdict


def own_trails(known: GpuState, round_: Round) -> Trails:
    """The trails of a GPU without what it is acquitted of."""
    before = round_.acquittals.get(known.gpu.uuid)
    return before.parted(_clean_ns(round_))[0].own(known.sms.trails) if before else known.sms.trails


def doubted(known: GpuState, opinion: Opinion, round_: Round) -> Verdict:
    """What follows for a GPU that is acquitted: its own failures count, and others only where they stay on one SM.

    A person is asked about those, and about no more GPUs in a day than the gateway may take out by itself.
    """
    found = opinion.all
    if opinion.own.step in _OUT or found.step not in _OUT or found.sm_id is None:
        return opinion.own
    bursts = len(known.sms.trails.get(found.sm_id, ()))
    if bursts < round_.model.quarantine_bursts:
        return opinion.own
    if _outlasts(known, found.sm_id, round_):
        return replace(found, reason=f"{found.reason}; {_OWN}")
    if not _may_ask(known, round_):
        return opinion.own
    return replace(found, step=Step.PROPOSE, reason="; ".join(dict.fromkeys((*found.reason.split("; "), _DOUBT))))


def _outlasts(known: GpuState, sm_id: int, round_: Round) -> bool:
    """Whether its failures are its own, though they were held for a common cause (`outlasts`)."""
    acquittal, trails = round_.acquittals.get(known.gpu.uuid) or NONE, known.sms.trails
    if _only_sm(trails) != sm_id or acquittal.elsewhere_ns > _clean_ns(round_):
        return False
    long = sum(1 << kind for kind, span in acquittal.spans.items() if span.since_ns <= _clean_ns(round_))
    staying = Staying(sm_id, len(known.sms.reporting()), len(trails[sm_id]), long)
    others = [uuid for uuid in round_.acquittals.first(_COMPARED) if uuid != known.gpu.uuid]
    states = [other for uuid in others if (other := round_.gpus.get(uuid)) is not None]
    elsewhere = [place for other in states if (place := _only_sm(other.sms.trails)) is not None]
    return outlasts(staying, elsewhere, round_.model)


def _only_sm(trails: Trails) -> int | None:
    """The SM that failed last, where no other failed since its first remembered failure."""
    last = max((key for key in trails if key != WHOLE), key=lambda key: trails[key][-1].time_ns, default=None)
    if last is None:
        return None
    since_ns = trails[last][0].time_ns
    is_alone = all(trail[-1].time_ns < since_ns for key, trail in trails.items() if key not in (last, WHOLE))
    return last if is_alone else None


def _may_ask(known: GpuState, round_: Round) -> bool:
    day_ns = int(round_.model.automatic_window.total_seconds() * 1e9)
    for uuid in [uuid for uuid, asked_ns in round_.doubted.items() if asked_ns <= round_.now_ns - day_ns]:
        round_.doubted.remove(uuid)
    if round_.doubted.get(known.gpu.uuid) is not None:
        return True
    most = max(round_.model.guard_gpus, int(round_.model.automatic_share * len(round_.gpus)))
    if sum(1 for _ in round_.doubted.values()) >= most:
        return False
    round_.doubted.put(known.gpu.uuid, round_.now_ns)
    return True


def _clean_ns(round_: Round) -> int:
    """Whoever failed nothing since then is clean."""
    return round_.now_ns - int(round_.model.guard_window.total_seconds() * 1e9)


def _acquit(uuid: str, found: Sequence[Guard], round_: Round) -> None:
    known = round_.gpus.get(uuid)
    types = acquitted_types(known, found, round_) if known else 0
    if round_.unacquitted.get(uuid):
        round_.unacquitted.remove(uuid)
    if known is None or not types:
        return
    seen = {kind: one for kind in range(16) if types >> kind & 1 and (one := round_.sightings.get((uuid, kind)))}
    if not seen:
        return
    more = {kind: Span(one.since_ns, one.received_ns) for kind, one in seen.items()}
    after = (round_.acquittals.get(uuid) or NONE).with_spans(more, _clean_ns(round_))
    since_ns = min(one.since_ns for one in seen.values())
    narrow = explained((guard for guard in found if guard.shared in _NARROW), known.gpu)
    kept = without(known.sms.trails, types, since_ns)
    if types & ~narrow and kept != known.sms.trails:
        kept, after = _on_trial(kept, without(known.sms.trails, narrow, since_ns), after, round_)
    round_.acquittals.put(uuid, after)
    if _keep(known, kept, round_):
        round_.note("failures.acquitted", cause=_named(found, known))


def _on_trial(kept: Trails, others: Trails, acquittal: Acquittal, round_: Round) -> tuple[Trails, Acquittal]:
    """The trails with what no narrow cause explains, where that is on the same single SM for the whole window."""
    sms = [sm_id for sm_id, trail in others.items() if sm_id != WHOLE and trail != kept.get(sm_id, ())]
    if len(sms) > 1:
        return kept, replace(acquittal, elsewhere_ns=round_.now_ns)
    return (others if acquittal.elsewhere_ns <= _clean_ns(round_) else kept), acquittal


def _keep(known: GpuState, trails: Trails, round_: Round) -> bool:
    """Keep what is left of a GPU's trails; says whether that is less than before."""
    if trails == known.sms.trails:
        return False
    recent = tuple(one for one in known.recent if trails or one.kind is not Observed.PROBE_FAILED)
    round_.gpus.put(known.gpu.uuid, replace(known, sms=replace(known.sms, trails=trails), recent=recent))
    return True


def _named(found: Sequence[Guard], known: GpuState) -> str:
    covering = (guard.key for guard in found if guard.shared is not Shared.HOST and guard.covers(known.gpu))
    return ", ".join(sorted(covering)) or "until lately"
