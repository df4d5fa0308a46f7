"""Cancels, deadlines, traps and other people's work on a real GPU end as they should, and never as a FAIL."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest
from tests.gpu.devices import ThatTrapsAtFirst, opened
from tests.gpu.running import PROVEN, name_of, plan_of, run, runs_on, uncovered

from sentinel_node.device.process_prober import ProcessProber
from sentinel_node.domain.probes import Depth, Outcome, ProbeKind
from sentinel_node.probes.catalogue import PROBES
from sentinel_node.probes.session import Progress

FP32 = PROBES[ProbeKind.FMA].variants[0]
SOON_S = 15.0


class Watch:
    """Follows a run, and stops it with the first progress where it is told to."""

    def __init__(self, *, stops: bool = False) -> None:
        self.is_stopped = False
        self._stops = stops

    def progressed(self, progress) -> None:
        del progress
        self.is_stopped = self._stops

    def found(self, finding) -> None:
        del finding


@pytest.fixture
def prober(identity):
    made = []

    def make(open_device=opened):
        made.append(ProcessProber(lambda: (identity,), open_device))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def others_work(identity):
    """Another process that keeps the GPU busy."""
    command = [sys.executable, "-m", "tests.gpu.others_work", identity.uuid]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n"
    yield process
    process.kill()
    process.wait(30)
    process.stdout.close()


def test_a_cancel_ends_a_deep_run_between_launches(gpu) -> None:
    heard: list[Progress] = []
    plan = replace(plan_of(FP32, gpu), depth=Depth.DEEP)
    began_s = time.monotonic()

    report = run(plan, gpu, is_cancelled=lambda: bool(heard), progress=heard.append)

    assert {(finding.outcome, finding.reason) for finding in report.findings} == {(Outcome.NOT_RUN, "cancelled")}
    assert len(heard) == 1
    assert time.monotonic() - began_s < SOON_S


def test_a_cancel_reaches_the_process_of_the_gpu(prober, gpu) -> None:
    plan = replace(plan_of(FP32, gpu), depth=Depth.DEEP, soak_s=50.0)

    report = prober().run(plan, Watch(stops=True))

    assert report.outcome is Outcome.NOT_RUN
    assert report.ended_unix_ns - report.started_unix_ns < SOON_S * 1e9


def test_a_deadline_ends_a_soak_as_a_timeout(prober, gpu) -> None:
    plan = replace(plan_of(FP32, gpu), soak_s=600.0, deadline_s=3.0)

    report = prober().run(plan, Watch())

    assert {finding.outcome for finding in report.findings} == {Outcome.TIMEOUT}
    assert report.ended_unix_ns - report.started_unix_ns < SOON_S * 1e9


def test_a_launch_that_traps_is_an_error_and_the_next_run_has_a_fresh_context(prober, gpu, tmp_path) -> None:
    carried = prober(ThatTrapsAtFirst(str(tmp_path)))

    first, second = carried.run(plan_of(FP32, gpu), Watch()), carried.run(plan_of(FP32, gpu), Watch())

    assert {finding.outcome for finding in first.findings} == {Outcome.ERROR}
    assert uncovered(second) == ""


def test_a_context_outlives_a_trap_in_another_process(prober, gpu, tmp_path) -> None:
    prober(ThatTrapsAtFirst(str(tmp_path))).run(plan_of(FP32, gpu), Watch())

    assert uncovered(run(plan_of(FP32, gpu), gpu)) == ""


@pytest.mark.parametrize("variant", PROVEN, ids=name_of)
def test_light_runs_pass_beside_other_peoples_work(variant, gpu, others_work) -> None:
    if not runs_on(variant, gpu.identity):
        pytest.skip(f"NOT TESTED ON A GPU: {variant.name} needs sm_{variant.since[0]}{variant.since[1]}")

    report = run(plan_of(variant, gpu), gpu)

    assert others_work.poll() is None
    assert report.outcome is Outcome.PASS
