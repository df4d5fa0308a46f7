"""Cases are run side by side in processes: the same results in the same order, whatever becomes of one of them."""

from __future__ import annotations

import asyncio
import multiprocessing
import operator
import os
import signal
from dataclasses import replace

import pytest

from gcm_sentinel.app import evaluate
from gcm_sentinel.app.eval_case import Manner, Result
from gcm_sentinel.app.eval_workers import run_side_by_side
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.simulated import Case

pytestmark = pytest.mark.slow
UNKNOWN = "nobody/knows-it"


@pytest.fixture
def cases():
    """One scenario with two seeds, and between them a case that cannot be run."""
    (scenario,) = find_scenarios(SCENARIOS, ("single-failed-probe",))
    return [Case(scenario, 1), Case(scenario, 1, UNKNOWN), Case(scenario, 2)]


async def test_every_case_has_its_result_in_its_place(cases):
    heard: list[Result] = []
    results = await evaluate.evaluate(cases, Manner("playbook"), jobs=2, on_case=heard.append)

    assert [(result.case.seed, result.case.variant) for result in results] == [(1, None), (1, UNKNOWN), (2, None)]
    assert [result.passed for result in results] == [True, False, True]
    assert UNKNOWN in results[1].error
    assert len(heard) == 3


async def test_a_process_that_dies_costs_only_its_case(cases):
    deadly = replace(cases[0], variant=_Deadly("deadly"))
    found: dict[int, Result] = {}

    await run_side_by_side([deadly, cases[0]], Manner("playbook"), 1, found.__setitem__)

    assert found[0].error == f"the process that ran it ended with exit code {-signal.SIGKILL}"
    assert found[1].passed


async def test_a_process_that_hangs_is_killed_and_costs_only_its_case(cases):
    hanging = replace(cases[0], variant=_Stopping("stopping"))
    found: dict[int, Result] = {}
    patience = Manner("playbook", patience_s=12, ending_s=0.5)

    async with asyncio.timeout(60):
        await run_side_by_side([hanging], patience, 1, found.__setitem__)

    assert found[0].error == "the process that ran it said nothing for 12 s"
    assert multiprocessing.active_children() == []


async def test_a_process_that_has_only_just_begun_leaves_an_interrupt_to_us(cases):
    found: dict[int, Result] = {}

    await run_side_by_side(cases[:1], Manner(_Interrupting("playbook")), 1, found.__setitem__)

    assert found[0].passed, found[0].error


class _Interrupting(str):
    """The name of an engine; a process that is told it at its start is interrupted then."""

    __slots__ = ()

    def __reduce__(self):
        return operator.getitem, ((_Interrupt(), str(self)), 1)


class _Interrupt(int):
    """An interrupt of the process that receives it."""

    def __reduce__(self):
        return os.kill, (_Own(), signal.SIGINT)


class _Stopping(str):
    """A name that stops whichever process receives it: it heeds no request to end."""

    __slots__ = ()

    def __reduce__(self):
        return os.kill, (_Own(), signal.SIGSTOP)


class _Deadly(str):
    """A name that ends whichever process receives it."""

    __slots__ = ()

    def __reduce__(self):
        return os.kill, (_Own(), signal.SIGKILL)


class _Own(int):
    """The number of the process that receives it."""

    def __reduce__(self):
        return os.getpid, ()
