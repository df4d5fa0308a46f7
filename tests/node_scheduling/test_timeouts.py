"""A GPU that does not end a launch is left alone for a while, and for long where it happens again and again."""

from __future__ import annotations

from dataclasses import replace

from tests.node_scheduling.gpu import SMS, identity, played
from tests.node_scheduling.workers import QUICK, Node

from sentinel.v1 import probe_pb2
from sentinel_node.domain.errors import DeviceTimeout
from sentinel_node.domain.probes import Finding, Outcome, ProbeKind, ProbeReport
from sentinel_node.domain.schedule import Entry
from sentinel_node.reporting.executions import executions_of
from sentinel_node.scheduling.orders import Orders
from sentinel_node.scheduling.outcomes import is_paused, put_off
from sentinel_node.scheduling.settings import SchedulingSettings
from sentinel_node.scheduling.worker import Worker

EVERY_10_S = (Entry(ProbeKind.FMA, 10),)
MEMORY = (Entry(ProbeKind.MEMORY, 10),)


def hanging(**changed):
    return played(EVERY_10_S, outcome=Outcome.TIMEOUT, bad={0}, **changed)


def test_the_gpu_rests_before_the_next_try():
    gpu = hanging()

    gpu.play(80)

    first, second = gpu.times(ProbeKind.FMA)[:2]
    assert round(second - first) == 60


def test_after_three_in_a_row_its_probes_pause_and_then_one_is_tried():
    gpu = hanging()

    gpu.play(8000)

    times = gpu.times(ProbeKind.FMA)
    assert is_paused(gpu.state, gpu.settings)
    assert [round(after - before) for before, after in zip(times, times[1:], strict=False)] == [60, 60, 3600, 3600]


def test_an_answer_ends_the_pause_and_the_counting():
    gpu = hanging()
    gpu.play(200)
    assert is_paused(gpu.state, gpu.settings)

    gpu.bad = ()
    gpu.play(4000)

    assert gpu.state.timeouts == 0
    assert gpu.times(ProbeKind.FMA)[-1] > gpu.now_s - 11


def test_a_timeout_counts_only_in_a_row():
    gpu = hanging(settings=SchedulingSettings(rest_after_timeout_s=1))
    for place in range(12):
        gpu.bad = {0} if place % 3 else ()
        gpu.play(10)

    assert not is_paused(gpu.state, gpu.settings)


def test_an_error_in_between_ends_no_row_of_timeouts():
    gpu = hanging(settings=SchedulingSettings(rest_after_timeout_s=1))
    for place in range(6):
        gpu.outcome, gpu.bad = (Outcome.ERROR, range(SMS)) if place % 2 else (Outcome.TIMEOUT, {0})
        gpu.play(10)

    assert is_paused(gpu.state, gpu.settings)


def test_where_a_try_after_a_pause_gives_no_answer_the_pause_goes_on():
    gpu = hanging()
    gpu.play(200)
    gpu.outcome, gpu.bad = Outcome.ERROR, range(SMS)

    gpu.play(8000)

    times = gpu.times(ProbeKind.FMA)[2:]
    assert [round(after - before) for before, after in zip(times, times[1:], strict=False)] == [3600, 3600]


def test_the_first_run_after_a_timeout_has_time_to_compile_again():
    gpu = played((Entry(ProbeKind.FMA, 10, timeout_s=0.5),), outcome=Outcome.TIMEOUT)
    gpu.play(20)
    gpu.bad = {0}
    gpu.play(10)
    gpu.bad = ()
    gpu.play(80)

    assert [one.deadline_s for _, one in gpu.ran][:5] == [60.5, 0.5, 0.5, 60.5, 0.5]


def test_a_gpu_on_which_somebody_else_probes_is_left_alone_for_a_moment():
    gpu = played(EVERY_10_S)
    gpu.now_s += 10

    gpu.state = put_off(gpu.state, gpu.now_s + 5)

    assert gpu.due() == ()
    gpu.now_s += 5
    assert len(gpu.due()) == 1


async def test_memory_that_hangs_is_told_with_the_number_of_sms_so_that_it_can_be_reported():
    def hung(plan, _):
        return ProbeReport(plan, (Finding(Outcome.TIMEOUT, None, ""),), 0, 0, 1)

    node = Node(hung)
    worker = node.worker(MEMORY)
    worker.state = replace(worker.state, sm_count=132)

    await worker.turn()

    made = executions_of(node.reports[0], identity(), "node-1", lambda: "id")
    assert [(one.sm.sm_id, one.result) for one in made.messages] == [(132, probe_pb2.PROBE_RESULT_TIMEOUT)]


async def test_a_gpu_that_was_never_opened_is_taken_at_the_drivers_word():
    def hung(plan, _):
        raise DeviceTimeout("the driver does not come back")

    node = Node(hung)
    worker = Worker(replace(identity(), sm_count=108), lambda: Orders(MEMORY, 2.0), node.parts(), QUICK)
    node.now_s += 10_000

    await worker.turn()

    assert (node.reports[0].outcome, node.reports[0].sms_present) == (Outcome.TIMEOUT, 108)
