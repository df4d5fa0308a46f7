"""Processes that share a PostgreSQL share its jobs: each runs in one of them, and a dead one's are taken over."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
from tests.durable.conftest import Processes
from tests.durable.process import Script

KEY = "inc-1"


def held(script: Script) -> Script:
    """Process ``a`` with one job, waiting in its second step."""
    return replace(script, keys=(KEY,), executor="a", hold="step1")


def test_work_of_a_killed_process_waits_until_it_is_adopted(replicas: Processes):
    process = replicas.start(held)
    replicas.until(KEY, "step1", "begin")
    process.kill()
    replicas.wait(process)
    replicas.base.log.with_suffix(".go").touch()

    assert replicas.run(keys=("inc-2",), executor="b") == 0
    assert len(replicas.results()) == 1

    assert replicas.run(keys=(KEY,), executor="c", adopt=("a",)) == 0
    assert len(replicas.results()) == 2
    assert replicas.begins()[f"{KEY} step0"] == 1
    assert replicas.begins()[f"{KEY} step1"] == 2


def test_queued_work_of_a_killed_process_flows_to_the_others_by_itself(replicas: Processes):
    process = replicas.start(lambda script: replace(held(script), keys=(KEY, "inc-2", "inc-3"), concurrency=1))
    replicas.until(KEY, "step1", "begin")
    process.kill()
    replicas.wait(process)

    assert replicas.run(keys=("inc-2", "inc-3"), executor="b") == 0

    assert len(replicas.results()) == 2


def test_a_frozen_process_that_wakes_up_is_shut_out_of_its_job(replicas: Processes):
    frozen = replicas.start(held)
    replicas.until(KEY, "step1", "begin")
    replicas.signal(frozen, signal.SIGSTOP)
    replicas.base.log.with_suffix(".go").touch()
    assert replicas.run(keys=(KEY,), executor="b", adopt=("a",)) == 0

    replicas.signal(frozen, signal.SIGCONT)

    assert replicas.wait(frozen) == 0
    assert replicas.results() == [",".join(f"step{number} of {KEY}" for number in range(4))]
    assert replicas.begins()[f"{KEY} step1"] == 2
    assert replicas.begins()[f"{KEY} step2"] == 1


@pytest.mark.parametrize("count", [25, pytest.param(100, marks=pytest.mark.slow)])
def test_many_jobs_on_two_processes_each_run_once(replicas: Processes, count):
    keys = tuple(f"inc-{number}" for number in range(count))
    a = replicas.start(lambda script: replace(script, keys=keys, executor="a"))
    b = replicas.start(lambda script: replace(script, keys=keys, executor="b"))

    assert (replicas.wait(a), replicas.wait(b)) == (0, 0)

    assert set(replicas.begins().values()) == {1}
    assert len(replicas.results()) == len(keys)
    workers = {line.split()[0] for line in replicas.lines() if " result " in line}
    assert workers == {"a", "b"}


def test_adopting_a_live_process_that_finished_everything_changes_nothing(replicas: Processes):
    assert replicas.run(keys=(KEY,), executor="a") == 0

    assert replicas.run(keys=(KEY,), executor="b", adopt=("a",)) == 0

    assert len(replicas.results()) == 1
