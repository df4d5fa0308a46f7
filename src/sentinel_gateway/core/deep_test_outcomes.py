"""What follows from the results of deep tests: the first failure asks to condemn, enough passes reinstate.

Failures that many GPUs share, or shared until lately, are nobody's own and end no test, neither badly nor well
(`DeepTest`); where that is found out after a test failed, it goes on, and what was asked for is taken back. A GPU that
came back from a test lately and is in one again was not cured by it: a person decides whether it comes back once more.
Who does not answer is asked again every day; who denied, only when it failed again. A test that does not end is told of
when its time is over; where it cannot end, because nothing is heard of the GPU, SMs do not pass, or the GPU alone still
fails as many did, people are asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sentinel_gateway.core import records
from sentinel_gateway.core.acquitting import acquitted_types
from sentinel_gateway.core.asking import Wish, ask, take_back
from sentinel_gateway.core.guarding import active
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.bursts import BURST_NS
from sentinel_gateway.domain.deep_tests import DeepTest, DeepTestOutcome
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.observations import Observed
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.model.guards import Guard, explained

_DAY_NS = 24 * 3600 * 10**9
_HOUR_NS = 3600 * 10**9
ASK_AGAIN_NS = _DAY_NS
RETURNS_NS = 30 * _DAY_NS
"""Within this time a GPU comes back from one deep test without a person: a fault seen twice in a month comes again."""
_NAMED = 8
"""SMs are named at most where a test does not end."""
STUCK_AFTER_NS = 4 * _HOUR_NS
"""As long as the longest test takes (`MOST_NEEDED`): an SM that reported nothing until then is not merely late."""
_SINCE = {
    DeepTestOutcome.FAILED: "the deep test failed since",
    DeepTestOutcome.OPEN: "the deep test began anew since",
    DeepTestOutcome.PASSED: "the deep test passed since",
}


def judge_tests(causes: Sequence[Guard], round_: Round) -> None:
    """Count the results of this round, and end the tests that have shown enough."""
    for uuid, outcomes in round_.touched.tested.items():
        known = round_.gpus.get(uuid)
        if known is None or known.deep_test is None or known.state is not HealthState.DEEP_TEST:
            continue
        test = known.deep_test.with_results(outcomes, acquitted_types(known, causes, round_))
        _go_on(known, known.deep_test, test, round_)


def ask_again(known: GpuState, round_: Round) -> None:
    """Ask what is to become of a GPU whose test ended or cannot end: once a day, where nothing about it waits.

    A person who denied it is not asked again until the GPU fails again. A test that failed goes on where its failures
    turned out to be nobody's own.
    """
    test = known.deep_test
    if test is None:
        return
    if test.outcome is DeepTestOutcome.FAILED and _is_nobodys(known, test, round_):
        _reopen(known, test, round_)
        return
    is_denied = test.denied == test.failures
    if is_denied or round_.now_ns - test.asked_ns < ASK_AGAIN_NS or is_asked_about(known, round_):
        return
    if test.outcome is DeepTestOutcome.OPEN:
        _ask_where_stuck(known, test, round_)
        return
    if test.outcome is DeepTestOutcome.PASSED and test.types & acquitted_types(known, active(round_), round_):
        return
    _conclude(known, test, round_)


def is_asked_about(known: GpuState, round_: Round) -> bool:
    """Whether a directive about a GPU waits for a person.

    Not that of one who may not overrule: who always had one waiting could keep people from ever being asked.
    """
    about = (record for record in round_.waiting.values() if record.directive.gpu.uuid == known.gpu.uuid)
    return any(record.overrules for record in about)


def _ask_where_stuck(known: GpuState, test: DeepTest, round_: Round) -> None:
    """Ask to condemn a GPU whose test will not end by itself any more, and tell why."""
    why = _why_stuck(known, test, round_)
    if not why:
        return
    fields = {"why": why, "sms": ", ".join(map(str, test.stalled)), "done": f"{test.share_done:.3f}"}
    round_.entries.append(records.system("deep_test.stuck", fields, round_.now_ns, known.gpu))
    round_.gpus.put(known.gpu.uuid, replace(known, deep_test=replace(test, asked_ns=round_.now_ns)))
    ask(Wish(known.gpu.uuid, Action.CONDEMN, f"its deep test does not end: {why}", waits=True), round_)


def _why_stuck(known: GpuState, test: DeepTest, round_: Round) -> str:
    """Empty where it may still end; passes that are counted anew get as much time again."""
    unheard_ns = round_.now_ns - max(test.began_ns, known.last_probe_ns or 0)
    if unheard_ns >= STUCK_AFTER_NS:
        return f"nothing was heard of it for {unheard_ns // _HOUR_NS} hours"
    if round_.now_ns - test.began_ns < STUCK_AFTER_NS:
        return ""
    if test.types & acquitted_types(known, active(round_), round_):
        lasting = acquitted_types(known, (), round_) & ~explained(active(round_), known.gpu)
        return "it still fails as many GPUs did, and they do no more" if test.types & lasting else ""
    return _of_stalled(test) if round_.now_ns - test.anew_ns >= STUCK_AFTER_NS else ""


def _of_stalled(test: DeepTest) -> str:
    unheard = [sm_id for sm_id in test.stalled if not test.was_heard(sm_id)]
    failing = [sm_id for sm_id in test.stalled if test.was_heard(sm_id)]
    told = [f"nothing was heard of {len(unheard)} of its {len(test.sms)} SMs"] if unheard else []
    if failing:
        named = ", ".join(map(str, failing[:_NAMED])) + (", ..." if len(failing) > _NAMED else "")
        told.append(f"{len(failing)} of its {len(test.sms)} SMs hardly ever pass, if at all ({named})")
    return "; ".join(told)


def _is_nobodys(known: GpuState, test: DeepTest, round_: Round) -> bool:
    """Whether all failures of a test have a common cause that was found after them."""
    acquittal = round_.acquittals.get(known.gpu.uuid)
    since_ns = {kind: span.since_ns - BURST_NS for kind, span in acquittal.spans.items()} if acquittal else {}
    return bool(test.failed) and all(kind in since_ns and since_ns[kind] <= at_ns for kind, at_ns in test.failed)


def _reopen(known: GpuState, test: DeepTest, round_: Round) -> None:
    types = ", ".join(ProbeType(kind).name for kind, _ in test.failed)
    fields = {"failures": str(test.failures), "probe_types": types}
    round_.entries.append(records.system("deep_test.reopened", fields, round_.now_ns, known.gpu))
    _go_on(known, test, test.reopened(round_.now_ns), round_)


def _go_on(known: GpuState, before: DeepTest, test: DeepTest, round_: Round) -> None:
    known = replace(known, deep_test=test)
    round_.gpus.put(known.gpu.uuid, known)
    if test.blamed_sm in test.silent and test.blamed_sm not in before.silent:
        fields = {"sm_id": str(test.blamed_sm), "done": f"{test.share_done:.3f}"}
        round_.entries.append(records.system("deep_test.blamed_sm_silent", fields, round_.now_ns, known.gpu))
    if test.outcome is before.outcome:
        return
    for asked in (Action.REINSTATE, Action.CONDEMN):
        take_back(known.gpu.uuid, asked, _SINCE[test.outcome], round_)
    if test.outcome is not DeepTestOutcome.OPEN:
        _tell(known, test, round_)
        _conclude(known, test, round_)


def _tell(known: GpuState, test: DeepTest, round_: Round) -> None:
    if test.outcome is DeepTestOutcome.FAILED:
        fields = {"failures": str(test.failures), "sm_id": str(test.failed_sm), "blamed_sm": str(test.blamed_sm)}
    else:
        fields = {"passes": str(sum(test.passes)), "seconds": str((round_.now_ns - test.began_ns) // 10**9)}
        fields["silent_sms"] = ", ".join(map(str, test.silent))
    event = f"deep_test.{test.outcome.value}"
    round_.entries.append(records.system(event, fields, round_.now_ns, known.gpu))


def _conclude(known: GpuState, test: DeepTest, round_: Round) -> None:
    """Do what follows, or ask for it."""
    round_.gpus.put(known.gpu.uuid, replace(known, deep_test=replace(test, asked_ns=round_.now_ns)))
    wish = _condemned(known, test) if test.outcome is DeepTestOutcome.FAILED else _returned(known, test, round_)
    ask(wish, round_)


def _condemned(known: GpuState, test: DeepTest) -> Wish:
    where = f"SM {test.failed_sm}" if test.failed_sm == test.blamed_sm else f"SM {test.failed_sm}, which was not blamed"
    failed = tuple(one.event_id for one in known.recent if one.kind is Observed.PROBE_FAILED)
    return Wish(known.gpu.uuid, Action.CONDEMN, f"failed its deep test on {where}", failed)


def _returned(known: GpuState, test: DeepTest, round_: Round) -> Wish:
    blamed = f"SM {test.blamed_sm}" if test.blamed_sm is not None else "every SM"
    words = f"passed its deep test: {blamed} {test.blamed_needs} times, every other SM {test.others_need} times"
    if known.returned_ns is None or round_.now_ns - known.returned_ns >= RETURNS_NS:
        return Wish(known.gpu.uuid, Action.REINSTATE, words)
    days = (round_.now_ns - known.returned_ns) // _DAY_NS
    words += f"; but it came back from one {days} days ago, and failed again since"
    return Wish(known.gpu.uuid, Action.REINSTATE, words, waits=True)
