"""Cases one at a time run in this very process, and leave it as they found it."""

from __future__ import annotations

import gc
import multiprocessing

import pytest

from gcm_sentinel.app import evaluate
from gcm_sentinel.app.eval_case import Manner
from gcm_sentinel.app.garbage import collecting_rarely, keep_what_is_loaded
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.simulated import Case


@pytest.fixture
def scenario():
    return find_scenarios(SCENARIOS, ("off-bus-riser",))[0]


@pytest.mark.slow
async def test_they_need_no_other_process(scenario):
    cases, beside = [Case(scenario, 1), Case(scenario, 1, "nobody/knows-it"), Case(scenario, 2)], []

    results = await evaluate.evaluate(
        cases, Manner("playbook"), jobs=1, on_case=lambda _: beside.extend(multiprocessing.active_children())
    )

    assert [result.passed for result in results] == [True, False, True]
    assert beside == []


async def test_one_case_that_cannot_be_run_has_a_reason(scenario):
    (result,) = await evaluate.evaluate([Case(scenario, 1, "nobody/knows-it")], Manner("playbook"), jobs=8)

    assert "nobody/knows-it" in result.error


def test_the_collector_is_as_before_afterwards():
    before = gc.get_threshold()

    with collecting_rarely():
        keep_what_is_loaded()
        during, kept = gc.get_threshold(), gc.get_freeze_count()

    assert (during > before, kept > 0) == (True, True)
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
