"""A plan ends in a report whatever becomes of the process that carries it out; the processes are real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.node_device import devices

from sentinel_node.device.cupy_device import missing
from sentinel_node.device.opening import SOFTWARE_SMS, OpenSoftware, software_gpus
from sentinel_node.device.process_prober import Patience, ProcessProber
from sentinel_node.domain.errors import DeviceFailed, NotFound, Unavailable
from sentinel_node.domain.probes import Outcome, ProbeKind, ProbePlan
from sentinel_node.probes.software.faults import LaunchError, StuckBit

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
(GPU,) = software_gpus(1)
PLAN = ProbePlan(ProbeKind.FMA, GPU.uuid, variant="fp32", repetitions=2, deadline_s=30.0)


class Watch:
    """Follows a run; stops it with the first progress where it is told to."""

    def __init__(self, *, stops=False):
        self.is_stopped = False
        self.heard = []
        self._stops = stops

    def progressed(self, progress):
        self.heard.append(progress)
        self.is_stopped = self._stops

    def found(self, finding):
        self.heard.append(finding)


@pytest.fixture
def prober_with():
    made = []

    def make(open_device, *, ready_s=60.0, late_s=15.0, keep_s=60.0, gpu=GPU):
        made.append(ProcessProber(lambda: (gpu,), open_device, Patience(ready_s, late_s, keep_s)))
        return made[-1]

    yield make
    for prober in made:
        prober.close()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_healthy_gpu_passes_and_its_progress_is_told(prober_with):
    watch = Watch()

    report = prober_with(OpenSoftware(sm_count=4)).run(PLAN, watch)

    assert [finding.sm for finding in report.findings] == [0, 1, 2, 3]
    assert report.outcome is Outcome.PASS
    assert watch.heard[-1].done == watch.heard[-1].total


def test_a_fault_is_found_on_its_sm(prober_with):
    report = prober_with(OpenSoftware((StuckBit(sm=2, bit=7),), sm_count=4)).run(PLAN, Watch())

    assert [finding.sm for finding in report.findings if finding.outcome is Outcome.FAIL] == [2]


def test_plans_in_a_row_share_a_process_and_a_release_ends_it(prober_with, tmp_path):
    prober = prober_with(devices.ThatTakesUp(str(tmp_path)))

    outcomes = [prober.run(PLAN, Watch()).outcome for _ in range(2)]
    (pid,) = map(int, (tmp_path / "opened").read_text().split())
    was_ours = pid in prober.own_pids()
    prober.release(GPU.uuid)

    assert (outcomes, was_ours, is_alive(pid)) == ([Outcome.PASS] * 2, True, False)
    assert pid not in prober.own_pids()


def test_a_process_without_work_ends_by_itself(prober_with, tmp_path):
    prober = prober_with(devices.ThatTakesUp(str(tmp_path)), keep_s=0.0)
    prober.run(PLAN, Watch())
    (pid,) = map(int, (tmp_path / "opened").read_text().split())

    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(30)

    assert not is_alive(pid)


def test_a_context_that_saw_an_error_is_not_used_again(prober_with, tmp_path):
    prober = prober_with(OpenSoftware((LaunchError(),), sm_count=4))

    first, second = prober.run(PLAN, Watch()), prober.run(PLAN, Watch())

    assert (first.outcome, second.outcome) == (Outcome.ERROR, Outcome.ERROR)
    assert "illegal instruction" in second.findings[0].reason


@pytest.mark.parametrize(
    ("dies", "how"), [(devices.that_kills, "ended by signal 11"), (devices.that_exits, "ended with exit code 3")]
)
def test_a_process_that_dies_is_an_error_of_the_probe_and_none_of_the_silicon(prober_with, dies, how):
    report = prober_with(dies).run(PLAN, Watch())

    assert report.outcome is Outcome.ERROR
    assert how in report.findings[0].reason


@pytest.mark.parametrize(
    ("opens", "ready_s", "outcome", "why"),
    [
        (OpenSoftware(), 0.0, Outcome.NOT_RUN, "did not start within 0 s"),
        (devices.that_never_answers, 15.0, Outcome.TIMEOUT, "could not open the GPU within 15 s"),
        (devices.that_never_compiles, 15.0, Outcome.NOT_RUN, "had not prepared its kernels within 15 s"),
        (devices.that_hangs, 60.0, Outcome.TIMEOUT, "gave no answer within 0.5 s"),
    ],
    ids=["python-does-not-start", "the-driver-hangs", "kernels-do-not-compile", "a-launch-hangs"],
)
def test_only_a_gpu_that_does_not_answer_is_a_timeout_and_what_is_late_is_killed(
    prober_with, opens, ready_s, outcome, why
):
    plan = replace(PLAN, deadline_s=0.5)

    report = prober_with(opens, ready_s=ready_s, late_s=0.0).run(plan, Watch())

    reason = report.findings[0].reason
    assert (report.outcome, why in reason) == (outcome, True), reason
    assert not is_alive(int(reason.split("process ")[1].split()[0]))


def test_a_run_that_hangs_says_of_how_many_sms_the_gpu_is(prober_with):
    plan, unknown = replace(PLAN, deadline_s=0.5), replace(GPU, sm_count=0)

    report = prober_with(devices.that_hangs, late_s=0.0, gpu=unknown).run(plan, Watch())

    assert (report.outcome, report.sms_present) == (Outcome.TIMEOUT, 4)


def test_a_gpu_that_was_never_opened_has_as_many_sms_as_the_driver_says(prober_with):
    report = prober_with(devices.that_kills).run(PLAN, Watch())

    assert report.sms_present == GPU.sm_count == SOFTWARE_SMS


def test_the_next_plan_after_one_that_hung_has_a_new_process(prober_with, tmp_path):
    prober = prober_with(devices.ThatHangsOnce(str(tmp_path)), late_s=0.0)

    outcomes = [prober.run(replace(PLAN, deadline_s=20.0 * number + 0.5), Watch()).outcome for number in range(2)]

    assert outcomes == [Outcome.TIMEOUT, Outcome.PASS]


def test_a_fault_of_ours_is_told_with_its_place(prober_with):
    with pytest.raises(DeviceFailed, match=r"IndexError: no such record \(devices.py, line \d+\)"):
        prober_with(devices.that_breaks).run(PLAN, Watch())


def test_whoever_stops_following_ends_the_process(prober_with, tmp_path):
    class Breaks(Watch):
        def progressed(self, progress):
            raise ValueError("nobody listens")

    prober = prober_with(devices.ThatTakesUp(str(tmp_path)))
    with pytest.raises(ValueError, match="nobody listens"):
        prober.run(PLAN, Breaks())

    assert not is_alive(int((tmp_path / "opened").read_text()))


def test_an_agent_that_ends_takes_what_runs_with_it(prober_with, tmp_path):
    hours = ProbePlan(ProbeKind.FMA, GPU.uuid, variant="fp32", repetitions=10_000_000, deadline_s=10_000.0)
    prober = prober_with(devices.ThatTakesUp(str(tmp_path)))

    class Closes(Watch):
        def progressed(self, progress):
            prober.close()

    report = prober.run(hours, Closes())

    assert report.outcome is Outcome.ERROR
    assert report.findings[0].reason.endswith("ended by signal 9")


def test_what_cannot_be_opened_says_why(prober_with):
    with pytest.raises(Unavailable, match="CUDA finds no GPU here"):
        prober_with(devices.that_is_missing).run(PLAN, Watch())


def test_a_plan_that_is_stopped_between_launches_says_so(prober_with):
    hours = ProbePlan(ProbeKind.FMA, GPU.uuid, variant="fp32", repetitions=10_000_000, deadline_s=10_000.0)

    report = prober_with(OpenSoftware(sm_count=1)).run(hours, Watch(stops=True))

    assert (report.outcome, report.findings[0].reason) == (Outcome.NOT_RUN, "cancelled")


def test_a_process_does_not_outlive_an_agent_that_is_killed(tmp_path):
    script = (
        "from tests.node_device.test_one_process_for_each_gpu import *\n"
        "from sentinel_node.device.process_prober import ProcessProber\n"
        "if __name__ == '__main__':\n"
        "    ProcessProber(lambda: (GPU,), devices.that_ends_its_agent).run(PLAN, Watch())\n"
    )
    (tmp_path / "agent.py").write_text(script)
    command, paths = [sys.executable, str(tmp_path / "agent.py")], os.environ | {"PYTHONPATH": str(ROOT)}
    agent = subprocess.Popen(command, env=paths, stderr=subprocess.PIPE)  # noqa: S603

    _, told = agent.communicate(timeout=100)  # the child holds the same pipe until it ends

    assert (agent.returncode, told) == (-signal.SIGKILL, b"")


def test_a_gpu_that_is_not_there_is_not_found(prober_with):
    with pytest.raises(NotFound, match="GPU-none"):
        prober_with(OpenSoftware()).run(ProbePlan(ProbeKind.FMA, "GPU-none"), Watch())


def test_without_a_gpu_it_says_what_is_missing():
    if Path("/dev/nvidiactl").exists():
        assert missing() == ""
    else:
        assert "the extra cuda12 or cuda13" in missing() or "CUDA finds no GPU here" in missing()
