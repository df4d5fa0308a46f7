"""A process killed at any moment loses at most the step it was in."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
from tests.durable.conftest import Processes

pytestmark = pytest.mark.slow

KEY = "inc-1"
STEPS = tuple(f"step{number}" for number in range(4))
WHOLE = ",".join(f"{name} of {KEY}" for name in STEPS)
ONCE = {f"{KEY} {name}": 1 for name in STEPS}


def test_killed_after_each_step_in_turn_it_does_every_step_once(processes: Processes):
    for name in STEPS:
        assert processes.run(keys=(KEY,), die_after=name) == -signal.SIGKILL

    assert processes.run(keys=(KEY,)) == 0

    assert processes.begins() == ONCE
    assert processes.results() == [WHOLE]


def test_killed_in_the_middle_of_a_step_it_does_that_step_again(processes: Processes):
    assert processes.run(keys=(KEY,), die_during="step2") == -signal.SIGKILL

    assert processes.run(keys=(KEY,)) == 0

    assert processes.begins() == ONCE | {f"{KEY} step2": 2}
    assert processes.results() == [WHOLE]


def test_finished_parallel_steps_stay_finished_and_keep_their_results(processes: Processes):
    process = processes.start(lambda script: replace(script, keys=(KEY,), parallel=True, hold="step1", steps=4))
    for name in ("step0", "step2", "step3"):
        processes.until(KEY, name, "recorded")
    processes.until(KEY, "step1", "begin")
    process.kill()
    processes.wait(process)

    assert processes.run(keys=(KEY,), parallel=True) == 0

    assert processes.begins() == ONCE | {f"{KEY} step1": 2}
    assert processes.results() == [WHOLE]


def test_a_killed_process_leaves_waiting_jobs_waiting(processes: Processes):
    keys = tuple(f"inc-{number}" for number in range(5))
    assert processes.run(keys=keys, die_during="step0", concurrency=1) == -signal.SIGKILL

    assert processes.run(keys=keys) == 0

    assert sorted(processes.ends()) == sorted(f"{key} {name}" for key in keys for name in STEPS)
    assert len(processes.results()) == len(keys)
