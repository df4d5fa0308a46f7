"""The end of a node: what was found is kept, and what hangs is left behind."""

from __future__ import annotations

import asyncio
import multiprocessing
import subprocess
import sys
import threading
import time
from contextlib import aclosing

import pytest
from tests.node_service.conftest import Given
from tests.node_service.doubles import GPU, WITHIN_S, SteppedProber
from tests.node_service.waiting import reached, stopped, until

from sentinel_node.app.ending import Grace, Work, found_is_kept
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.probes import ProbeKind, ProbePlan
from sentinel_node.service.part import Part

PLAN = ProbePlan(ProbeKind.FMA, GPU.uuid)


@pytest.fixture
def given() -> Given:
    return Given(prober=SteppedProber(held=True))


@pytest.fixture
def work(given) -> Work:
    machine = given.machine()
    return Work(machine, given.desk(machine))


async def followed(work: Work) -> None:
    async with aclosing(work.desk.run(PLAN, "ada")) as run:
        async for _ in run:
            pass


async def test_a_probe_that_runs_is_stopped_and_heard_before_the_end(given, work):
    async with asyncio.TaskGroup() as group, found_is_kept(work, None, Grace(WITHIN_S)):
        group.create_task(followed(work))
        await reached(given.prober)
        letting_go = stopped(given.prober)
        group.create_task(letting_go).add_done_callback(lambda _: given.prober.go.set())

    assert (given.prober.launched, given.heard) == (1, [("fma", GPU.uuid)])
    assert not work.is_probing


async def test_one_that_hangs_is_waited_for_as_long_as_the_grace(given, work):
    caller = asyncio.ensure_future(followed(work))
    async with found_is_kept(work, None, Grace(0.05)):
        await reached(given.prober)

    assert (work.is_probing, work.is_under_way, given.heard) == (True, True, [])
    given.prober.go.set()
    await caller


async def test_no_probe_begins_any_more(work):
    async with found_is_kept(work, None, Grace(WITHIN_S)):
        pass

    with pytest.raises(Unavailable, match="stopping"):
        await followed(work)


def test_all_that_waits_at_the_end_shares_one_grace():
    now_s = 100.0
    grace = Grace(10, lambda: now_s)
    before_s = grace.left_s
    grace.begin()
    now_s += 4
    grace.begin()

    assert (before_s, grace.left_s) == (10, 6)


async def test_a_question_whose_caller_left_goes_on_in_its_thread_and_counts_as_hung():
    asked, go = threading.Event(), threading.Event()
    part = Part("diagnostics", go)

    def question(seam: threading.Event) -> bool:
        asked.set()
        return seam.wait(WITHIN_S)

    caller = asyncio.ensure_future(part.ask(question))
    assert await asyncio.to_thread(asked.wait, WITHIN_S)

    caller.cancel()
    await asyncio.wait((caller,))

    was_hung = part.is_hung
    go.set()
    await until(lambda: not part.is_hung)
    assert was_hung


@pytest.mark.slow
async def test_a_process_of_a_probe_that_is_still_there_keeps_python_waiting(work):
    child = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,), daemon=True)
    child.start()

    was_under_way = work.is_under_way
    child.kill()
    await asyncio.to_thread(child.join, WITHIN_S)

    assert was_under_way


@pytest.mark.slow
def test_the_process_leaves_although_a_thread_hangs_that_python_waits_for():
    program = (
        "import sys, threading, time\n"
        "from sentinel_node.app.leaving import leave_after\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "leave_after(0.1, 3)\n"
        "sys.exit(0)\n"
    )

    assert subprocess.run([sys.executable, "-c", program], timeout=2 * WITHIN_S, check=False).returncode == 3  # noqa: S603
