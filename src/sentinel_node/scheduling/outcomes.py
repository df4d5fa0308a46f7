"""What a run leaves behind: the next state of its GPU. Pure.

**A failure is looked at again**, on the same SMs with other operands: at once, which tells a fault that repeats from
one that does not, and then twice more, 25 s apart. The gateway takes failures within 20 s for one event, so what is
repeated at once cannot convince it, however often; three events do (two make a suspect), within a minute instead of
three periods. These runs are not looked at again themselves, and a probe's failures not more than once in ten minutes,
so that a dead SM, which fails in every period anyway, does not triple its own load.

**A timeout** says nothing about the silicon, but much about the next try: the GPU rests, and after some in a row its
probes pause. A pause ends with one try, so that a GPU that was reset meanwhile comes back by itself. Only an answer of
some SM ends the row; an error in between does not, such as of a process that is stuck in the driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sentinel_node.domain.probes import Outcome, ProbeKind, ProbeReport
from sentinel_node.scheduling.budget import Run, gpu_s_of, with_run
from sentinel_node.scheduling.settings import SchedulingSettings
from sentinel_node.scheduling.state import Due, FollowUp, GpuState, KindState, kind_begun

AGAIN_AFTER_S = (0.0, 25.0, 50.0)
"""After the failure. The gateway's bursts are 20 s long (`BURST_NS` of its model)."""
EXAMINED_EVERY_S = 600.0
_ANSWERS = (Outcome.PASS, Outcome.FAIL)
_NEWEST = 0.5
"""The weight of the last run in the mean of a probe's cost."""


def after(state: GpuState, run: Due, report: ProbeReport, now_s: float, settings: SchedulingSettings) -> GpuState:
    """The state after a run that ended at `now_s` with `report`."""
    gpu_s = gpu_s_of(report)
    known = state.kinds.get(run.entry.kind) or kind_begun(state.gpu.uuid, run.entry, now_s)
    state = replace(
        state,
        sm_count=report.sms_present or state.sm_count,
        spent=with_run(state.spent, Run(now_s, gpu_s)),
    )
    known = _learnt(known, run, report, gpu_s, now_s)
    state = _with_kind(_without(state, run), run, known if run.attempt else _advanced(known, run, now_s))
    state = _examined(state, run, report, now_s)
    return _rested(state, report, now_s, settings)


def put_off(state: GpuState, until_s: float) -> GpuState:
    """The state after a run that could not begin, for somebody else has the GPU: everything waits until then."""
    return replace(state, resting_until_s=max(state.resting_until_s, until_s))


def is_paused(state: GpuState, settings: SchedulingSettings) -> bool:
    """Whether its probes pause after timeouts in a row."""
    return state.timeouts >= settings.timeouts_until_pause


def _without(state: GpuState, run: Due) -> GpuState:
    """The state without the look at a failure that the run was, if it was one."""
    left = tuple(one for one in state.follow_ups if (one.entry, one.attempt) != (run.entry, run.attempt))
    return replace(state, follow_ups=left)


def _advanced(known: KindState, run: Due, now_s: float) -> KindState:
    """The next run is one period after this one was due. Periods that went by meanwhile are left out, not made up."""
    late_s = max(0.0, now_s - run.since_s)
    return replace(known, last_due_s=run.since_s + late_s // run.period_s * run.period_s, run=known.run + 1)


def _learnt(known: KindState, run: Due, report: ProbeReport, gpu_s: float, now_s: float) -> KindState:
    answers = {one.sm: now_s for one in report.findings if one.sm is not None and one.outcome in _ANSWERS}
    missed = {one.sm for one in report.findings if one.sm is not None and one.outcome is Outcome.NOT_RUN}
    learnt = replace(known, answered_s={**known.answered_s, **answers})
    if run.attempt:
        return learnt
    cost_s = gpu_s if known.cost_s == 0 else known.cost_s + _NEWEST * (gpu_s - known.cost_s)
    return replace(learnt, has_run=known.has_run or bool(answers), cost_s=cost_s, missed=tuple(sorted(missed)))


def _with_kind(state: GpuState, run: Due, known: KindState) -> GpuState:
    return replace(state, kinds={**state.kinds, run.entry.kind: known})


def _examined(state: GpuState, run: Due, report: ProbeReport, now_s: float) -> GpuState:
    failed = [one for one in report.findings if one.outcome is Outcome.FAIL]
    known = state.kinds[run.entry.kind]
    if not failed or run.attempt or now_s < known.examined_s + EXAMINED_EVERY_S:
        return state
    sms = tuple(sorted({one.sm for one in failed if one.sm is not None}))
    more = tuple(FollowUp(run.entry, sms, now_s + wait_s, place) for place, wait_s in enumerate(AGAIN_AFTER_S, 1))
    state = replace(state, follow_ups=(*state.follow_ups, *more))
    return _with_kind(state, run, replace(known, examined_s=now_s))


def _rested(state: GpuState, report: ProbeReport, now_s: float, settings: SchedulingSettings) -> GpuState:
    if report.count(Outcome.TIMEOUT):
        state = replace(state, timeouts=state.timeouts + 1, kinds=_cold(state.kinds))
    elif any(report.count(outcome) for outcome in _ANSWERS):
        return replace(state, timeouts=0)
    elif not is_paused(state, settings):
        return state
    rest_s = settings.pause_s if is_paused(state, settings) else settings.rest_after_timeout_s
    return replace(state, resting_until_s=now_s + rest_s)


def _cold(kinds: Mapping[ProbeKind, KindState]) -> Mapping[ProbeKind, KindState]:
    """What ended a launch that hung may have taken the kernels with it: the next runs have time to compile again."""
    return {kind: replace(known, has_run=False) for kind, known in kinds.items()}
