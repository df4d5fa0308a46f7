"""What follows from the evidence of a round: judged once for each GPU, after all requests were decided.

First what many GPUs share, which acquits them; then each GPU by itself; then patterns. A step against a GPU needs new
evidence against it in this round: where a person was asked, the mere passing of time decides nothing. Rounds in which
nothing failed judge nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sentinel_gateway.core.acquitting import Opinion, doubted, own_trails
from sentinel_gateway.core.asking import Wish, ask
from sentinel_gateway.core.correlating import correlate, correlate_verdict, failures_of
from sentinel_gateway.core.deep_test_outcomes import judge_tests
from sentinel_gateway.core.excusing import excuse_anomalies
from sentinel_gateway.core.guarding import common_causes
from sentinel_gateway.core.round import Cause, Round
from sentinel_gateway.core.surrounding import look_back, surroundings, unseen
from sentinel_gateway.domain.bursts import Trails
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.health import Action, HealthState, after
from sentinel_gateway.model.guards import Guard
from sentinel_gateway.model.verdicts import Case, Step, Surroundings, Verdict, verdict

ASK_AGAIN_NS = 24 * 3600 * 10**9
"""A proposal stands for so long; until then the gateway takes no step of its own, for a person was asked."""


def settle(round_: Round) -> None:
    """Judge everything the round touched."""
    touched = round_.touched
    if not touched:
        return
    causes = common_causes(round_)
    excuse_anomalies(round_)
    judge_tests(causes, round_)
    if touched.accused:
        look_back(round_)
    for uuid in touched.accused:
        _accuse(uuid, causes, round_)
    for uuid in touched.eased:
        if uuid not in touched.accused:
            _ease(uuid, round_)
    correlate(round_)


def _accuse(uuid: str, causes: Sequence[Guard], round_: Round) -> None:
    known = round_.gpus.get(uuid)
    if known is None or not known.is_in_use:
        return
    found = _verdict(known, causes, round_)
    match found.step:
        case Step.SUSPECT:
            correlate_verdict(_suspected(known, found, round_), found, round_)
        case Step.CLEAR:
            _clear(known, found, round_)
        case Step.QUARANTINE | Step.PROPOSE if _may_act(known, round_):
            _take_out(known, found, round_)


def _verdict(known: GpuState, causes: Sequence[Guard], round_: Round) -> Verdict:
    found = _verdict_on(known.sms.trails, known, causes, round_)
    trails = own_trails(known, round_)
    if trails == known.sms.trails:
        return found
    return doubted(known, Opinion(found, _verdict_on(trails, known, causes, round_)), round_)


def _verdict_on(trails: Trails, known: GpuState, causes: Sequence[Guard], round_: Round) -> Verdict:
    """What some trails of a GPU say.

    Its SMs are counted and the fleet is looked at only where that decides whether a GPU goes or a person is asked: that
    is what costs most, and in a storm there are thousands of GPUs that neither goes nor is asked about.
    """
    is_suspect = known.state is HealthState.SUSPECT
    case = Case(known.state, known.state_changed_ns, trails, known.signs, _sm_count(known) if is_suspect else 0)
    found = verdict(case, unseen(known, round_), round_.now_ns, round_.model)
    if found.step is not Step.QUARANTINE:
        return found
    case = replace(case, sm_count=_sm_count(known))
    return verdict(case, surroundings(known, causes, round_), round_.now_ns, round_.model)


def _ease(uuid: str, round_: Round) -> None:
    known = round_.gpus.get(uuid)
    if known is None:
        return
    case = Case(known.state, known.state_changed_ns, known.sms.trails, known.signs, _sm_count(known))
    found = verdict(case, Surroundings(), round_.now_ns, round_.model)
    if found.step is Step.CLEAR:
        _clear(known, found, round_)


def _sm_count(known: GpuState) -> int:
    return len(known.sms.reporting())


def _may_act(known: GpuState, round_: Round) -> bool:
    return known.proposed_ns is None or round_.now_ns - known.proposed_ns >= ASK_AGAIN_NS


def _suspected(known: GpuState, found: Verdict, round_: Round) -> GpuState:
    cause = Cause("gpu.suspected", found.reason, round_.settings.name)
    round_.mark(known, after(known.state, Action.MARK_SUSPECT), cause)
    return round_.gpus.get(known.gpu.uuid) or known


def _clear(known: GpuState, found: Verdict, round_: Round) -> None:
    cause = Cause("gpu.cleared", found.reason, round_.settings.name)
    round_.mark(known, after(known.state, Action.CLEAR_SUSPECT), cause)


def _take_out(known: GpuState, found: Verdict, round_: Round) -> None:
    waits = found.step is Step.PROPOSE or Action.QUARANTINE in round_.settings.approvals.actions
    if waits:
        if known.state is HealthState.HEALTHY:
            known = _suspected(known, found, round_)
        round_.gpus.put(known.gpu.uuid, replace(known, proposed_ns=round_.now_ns))
    else:
        round_.automatic = (*round_.automatic, round_.now_ns)
    evidence = failures_of(known, found.sm_id)
    ask(Wish(known.gpu.uuid, Action.QUARANTINE, found.reason, evidence, waits), round_)
    correlate_verdict(known, found, round_)
