"""The scheduler runs all GPUs side by side and follows what the gateway asks for."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.node_scheduling.gpu import identity, report_of
from tests.node_scheduling.test_conditions import sample
from tests.node_scheduling.workers import QUICK, Node, Remembered, until

from sentinel_node.domain import metrics
from sentinel_node.domain.errors import Invalid, Unavailable
from sentinel_node.domain.probes import Outcome, ProbeKind
from sentinel_node.domain.schedule import AGGRESSIVE, DEFAULT, Entry, Override
from sentinel_node.scheduling.collecting import Collector
from sentinel_node.scheduling.scheduler import Scheduler

OFTEN = (Entry(ProbeKind.FMA, 0.001, timeout_s=20.0),)


async def lists(*given):
    """Each list of GPUs in its turn, as soon as the one before was taken."""
    for gpus in given:
        yield gpus


async def listed(newest):
    """Whatever list a test has put into `newest`, again and again."""
    while True:
        yield newest[-1]
        await asyncio.sleep(0.001)


@asynccontextmanager
async def running(scheduler, gpus):
    task = asyncio.ensure_future(scheduler.run(gpus if hasattr(gpus, "__anext__") else lists(gpus)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def later(node, scheduler):
    """Time goes by, and workers look."""
    node.now_s += 1
    scheduler.limit(2.0)


async def test_gpus_are_probed_side_by_side():
    both = threading.Barrier(2)

    def carry_out(plan, _):
        both.wait(20)
        return report_of(plan)

    node = Node(carry_out)
    scheduler = Scheduler(replace(QUICK, schedule=OFTEN), node.parts())
    async with running(scheduler, node.gpus()):
        await until(lambda: len(node.reports) >= 2, lambda: later(node, scheduler))

    assert {one.plan.gpu_uuid for one in node.reports} == {"GPU-0", "GPU-1"}


async def test_a_gpu_in_partitions_is_left_out():
    node = Node()
    scheduler = Scheduler(replace(QUICK, schedule=OFTEN), node.parts())
    mig = replace(identity(1), is_partitioned=True)
    async with running(scheduler, [identity(0), mig]):
        await until(lambda: len(node.reports) >= 3, lambda: later(node, scheduler))

    assert {one.plan.gpu_uuid for one in node.reports} == {"GPU-0"}


async def test_a_gpu_that_is_listed_later_is_probed_too():
    node, newest = Node(), [[identity(0)]]
    scheduler = Scheduler(replace(QUICK, schedule=OFTEN), node.parts())
    async with running(scheduler, listed(newest)):
        await until(lambda: bool(node.reports), lambda: later(node, scheduler))
        newest.append([identity(0), identity(1)])
        await until(lambda: node.reports[-1].plan.gpu_uuid == "GPU-1", lambda: later(node, scheduler))


async def test_a_gpu_that_is_listed_no_more_is_left_alone_and_keeps_its_pause_when_it_returns():
    node = Node(lambda plan, _: report_of(plan, Outcome.TIMEOUT, range(132)))
    newest = [[identity(0)]]
    scheduler = Scheduler(replace(QUICK, schedule=OFTEN, timeouts_until_pause=1), node.parts())
    async with running(scheduler, listed(newest)):
        await until(lambda: bool(node.reports), lambda: later(node, scheduler))
        await until(lambda: scheduler.workers_asleep() == 1)
        newest.append([])
        await until(lambda: scheduler.workers_asleep() == 0)
        newest.append([identity(0)])
        looked = node.metrics.counts[metrics.PROBE_OVERHEAD]
        await until(lambda: node.metrics.counts[metrics.PROBE_OVERHEAD] > looked + 5, lambda: later(node, scheduler))

    assert len(node.reports) == 1


async def test_a_fault_of_ours_beside_one_gpu_ends_neither_its_probes_nor_those_of_others():
    node = Node()
    raised: list[str] = []

    def once(uuid):
        if uuid == "GPU-0" and not raised:
            raised.append(uuid)
            raise ValueError("a new field")

    scheduler = Scheduler(replace(QUICK, schedule=OFTEN), replace(node.parts(), latest=once))
    async with running(scheduler, node.gpus()):
        await until(lambda: len({one.plan.gpu_uuid for one in node.reports}) == 2, lambda: later(node, scheduler))

    assert raised == ["GPU-0"]


async def test_an_override_wakes_a_worker_that_would_sleep_for_long():
    node = Node()
    settings = replace(QUICK, schedule=(Entry(ProbeKind.FMA, 86_400, timeout_s=20.0),), look_every_s=3600.0)
    scheduler = Scheduler(settings, node.parts())
    async with running(scheduler, [identity(0)]):
        await until(lambda: scheduler.workers_asleep() == 1)
        node.now_s += 60
        scheduler.override(Override(ProbeKind.FMA, 1, 600))
        await until(lambda: bool(node.reports))


def test_an_override_of_a_probe_that_the_operator_left_out_is_ignored():
    scheduler = Scheduler(replace(QUICK, schedule=OFTEN), Node().parts())

    scheduler.override(Override(ProbeKind.MEMORY, 1, 600))

    assert scheduler.orders.in_force(1000.0)[0].entry is OFTEN[0]
    assert scheduler.orders.held == {}


def test_a_schedule_takes_the_place_of_the_whole_one_and_overrides_go_on():
    scheduler = Scheduler(replace(QUICK, schedule=DEFAULT), Node().parts())
    scheduler.override(Override(ProbeKind.FMA, 7, 600))

    scheduler.replace(AGGRESSIVE[:2])

    assert [(one.entry.kind, one.period_s) for one in scheduler.orders.in_force(1000.0)] == [
        (ProbeKind.FMA, 7),
        (ProbeKind.TENSOR_CORE, 30),
    ]


def test_a_budget_is_a_percentage():
    scheduler = Scheduler(QUICK, Node().parts())

    scheduler.limit(0.5)

    assert scheduler.orders.budget_pct == 0.5
    with pytest.raises(Invalid, match="from 0 to 100"):
        scheduler.limit(101)


async def test_samples_are_collected_for_the_schedule_and_for_the_gateway():
    told: list[object] = []
    one = sample()

    class Readable:
        def samples(self):
            return (one,)

    collector = Collector(Readable(), told.append, Remembered(), QUICK)
    with ThreadPoolExecutor(1) as threads:
        await collector.collect(threads)

    assert (collector.latest("GPU-0"), told) == (one, [(one,)])


@pytest.mark.parametrize("error", [Unavailable("no driver"), ValueError("a field of a new driver")])
async def test_a_reading_that_fails_is_counted_and_the_last_one_stays(error):
    class Broken:
        def samples(self):
            raise error

    counted = Remembered()
    told: list[object] = []
    collector = Collector(Broken(), told.append, counted, QUICK)
    with ThreadPoolExecutor(1) as threads:
        await collector.collect(threads)

    assert (counted.values[metrics.TELEMETRY_ERRORS, "nvml"], told) == (1, [])


async def test_a_driver_that_hangs_is_not_waited_for():
    free, counted = threading.Event(), Remembered()

    class Hanging:
        def samples(self):
            free.wait(20)
            return ()

    collector = Collector(Hanging(), lambda _: None, counted, replace(QUICK, telemetry_deadline_s=0.01))
    with ThreadPoolExecutor(1) as threads:
        await collector.collect(threads)
        free.set()

    assert counted.values[metrics.TELEMETRY_ERRORS, "nvml"] == 1
