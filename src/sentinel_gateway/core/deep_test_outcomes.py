"""What follows from the results of deep tests: the first failure asks to condemn, enough passes reinstate.

Failures that many GPUs share are nobody's own and end no test. A test that does not end is told of when its time is
over, and a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sentinel_gateway.core import records
from sentinel_gateway.core.asking import Wish, ask, take_back
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.deep_tests import DeepTest, DeepTestOutcome
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.observations import Observed
from sentinel_gateway.domain.probes import ProbeResult
from sentinel_gateway.domain.sms import Outcome
from sentinel_gateway.model.guards import Guard, explained

_FAIL = int(ProbeResult.FAIL)


def judge_tests(causes: Sequence[Guard], round_: Round) -> None:
    """Count the results of this round, and end the tests that have shown enough."""
    for uuid, outcomes in round_.touched.tested.items():
        known = round_.gpus.get(uuid)
        if known is None or known.deep_test is None or known.state is not HealthState.DEEP_TEST:
            continue
        types = explained(causes, known.gpu)
        own = [one for one in outcomes if one.result != _FAIL or not types >> one.probe_type & 1]
        _count(known, known.deep_test, own, round_)


def _count(known: GpuState, before: DeepTest, outcomes: Sequence[Outcome], round_: Round) -> None:
    test = before.with_results(outcomes)
    known = replace(known, deep_test=test)
    round_.gpus.put(known.gpu.uuid, known)
    if test.outcome is before.outcome:
        return
    if test.outcome is DeepTestOutcome.FAILED:
        _fail(known, test, round_)
    elif test.outcome is DeepTestOutcome.PASSED:
        _pass(known, test, round_)


def _fail(known: GpuState, test: DeepTest, round_: Round) -> None:
    uuid = known.gpu.uuid
    where = f"SM {test.failed_sm}" if test.failed_sm == test.blamed_sm else f"SM {test.failed_sm}, which was not blamed"
    words = f"failed its deep test on {where}"
    fields = {"failures": str(test.failures), "sm_id": str(test.failed_sm), "blamed_sm": str(test.blamed_sm)}
    round_.entries.append(records.system("deep_test.failed", fields, round_.now_ns, known.gpu))
    take_back(uuid, Action.REINSTATE, "the deep test failed since", round_)
    failed = tuple(one.event_id for one in known.recent if one.kind is Observed.PROBE_FAILED)
    ask(Wish(uuid, Action.CONDEMN, words, failed), round_)


def _pass(known: GpuState, test: DeepTest, round_: Round) -> None:
    blamed = f"SM {test.blamed_sm}" if test.blamed_sm is not None else "every SM"
    words = f"passed its deep test: {blamed} {test.blamed_needs} times, every other SM {test.others_need} times"
    fields = {"passes": str(sum(test.passes)), "seconds": str((round_.now_ns - test.began_ns) // 10**9)}
    round_.entries.append(records.system("deep_test.passed", fields, round_.now_ns, known.gpu))
    ask(Wish(known.gpu.uuid, Action.REINSTATE, words), round_)
