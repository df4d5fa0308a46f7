"""A worker runs what is due, one probe at a time, and reports whatever happens."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.node_scheduling.gpu import report_of
from tests.node_scheduling.test_conditions import sample
from tests.node_scheduling.workers import QUICK, Node, hanging

from sentinel_node.domain import metrics
from sentinel_node.domain.errors import DeviceFailed, DeviceTimeout, Unavailable
from sentinel_node.domain.probes import Depth, Outcome, ProbeKind
from sentinel_node.domain.schedule import Entry

FMA = (Entry(ProbeKind.FMA, 60, timeout_s=0.02),)


async def test_it_runs_the_most_urgent_and_hands_its_report_on():
    node = Node()
    worker = node.worker()

    wait_s = await worker.turn()

    assert wait_s == 0
    assert [one.plan for one in node.reports] == node.plans
    assert node.plans[0].kind in (ProbeKind.FMA, ProbeKind.TENSOR_CORE)


async def test_where_nothing_is_due_it_says_how_long_until_it_looks_again():
    node = Node()
    worker = node.worker(FMA)
    await worker.turn()

    assert 0 < await worker.turn() <= QUICK.look_every_s


async def test_each_run_has_another_seed():
    node = Node()
    worker = node.worker(FMA)
    for _ in range(3):
        await worker.turn()
        node.now_s += 60

    assert [plan.seed for plan in node.plans] == [1, 2, 3]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DeviceFailed("Xid 79"), Outcome.ERROR),
        (DeviceTimeout("no end"), Outcome.TIMEOUT),
        (ZeroDivisionError(), Outcome.ERROR),
    ],
    ids=["a failed launch", "a device that timed out", "a fault of ours"],
)
async def test_a_run_that_raises_is_reported_and_never_as_a_failure_of_the_silicon(error, outcome):
    def carry_out(*_):
        raise error

    node = Node(carry_out)

    await node.worker(FMA).turn()

    assert [one.outcome for one in node.reports] == [outcome]
    assert node.leases.holders() == {}


async def test_a_run_that_hangs_is_given_up_and_nothing_else_is_started_beside_it():
    free = threading.Event()
    node = Node(hanging(free))
    worker = node.worker(FMA)

    await worker.turn()
    node.now_s += 61
    await worker.turn()

    assert [one.outcome for one in node.reports] == [Outcome.TIMEOUT]
    assert (len(node.plans), list(node.leases.holders())) == (1, ["GPU-0"])
    free.set()


async def test_a_gpu_that_comes_back_is_probed_again():
    free = threading.Event()
    node = Node(hanging(free))
    worker = node.worker(FMA)
    await worker.turn()

    free.set()
    async with asyncio.timeout(20):
        while len(node.reports) < 2:
            node.now_s += 61
            await worker.turn()

    assert node.reports[1].outcome is Outcome.PASS


async def test_it_leaves_a_gpu_alone_that_somebody_else_holds():
    node = Node()
    worker = node.worker(FMA)
    node.leases.take("GPU-0", "the service")

    await worker.turn()

    assert (node.plans, worker.state.resting_until_s) == ([], node.now_s + QUICK.busy_retry_s)


class TestDeep:
    """A deep entry asks the driver right before it runs, with the GPU's lease held."""

    @pytest.fixture
    def node(self) -> Node:
        node = Node()
        node.samples["GPU-0"] = replace(sample(compute_processes=(), utilization_pct=0.0), unix_ns=time.time_ns())
        return node

    async def depths(self, node: Node) -> list[Depth]:
        await node.worker((Entry(ProbeKind.FMA, 60, depth=Depth.DEEP),)).turn()
        return [plan.depth for plan in node.plans]

    async def test_its_own_processes_do_not_keep_it_from_running(self, node):
        node.now = lambda: (sample(compute_processes=(42, 43), utilization_pct=0.0),)

        assert await self.depths(node) == [Depth.DEEP]

    @pytest.mark.parametrize(
        "now",
        [
            (sample(compute_processes=(77,), utilization_pct=0.0),),
            (sample(compute_processes=(), utilization_pct=100.0),),
            (sample(compute_processes=None, utilization_pct=0.0),),
            (),
        ],
        ids=["somebody's", "busy with nobody to be seen", "processes unknown", "no reading"],
    )
    async def test_it_runs_light_by_what_the_driver_says_now(self, node, now):
        node.now = lambda: now

        assert await self.depths(node) == [Depth.LIGHT]

    @pytest.mark.parametrize("error", [Unavailable("no driver"), ValueError("a new field")])
    async def test_it_runs_light_where_the_driver_cannot_be_asked(self, node, error):
        def now():
            raise error

        node.now = now

        assert await self.depths(node) == [Depth.LIGHT]

    async def test_a_process_of_ours_that_ends_while_the_driver_is_asked_was_ours(self, node):
        def now():
            node.probe_pids = frozenset
            return (sample(compute_processes=(43,), utilization_pct=0.0),)

        node.now = now

        assert await self.depths(node) == [Depth.DEEP]

    async def test_the_gpu_is_held_while_the_driver_is_asked(self, node):
        held = []

        def now():
            held.extend(node.leases.holders())
            return ()

        node.now = now
        await self.depths(node)

        assert (held, node.leases.holders()) == (["GPU-0"], {})


async def test_what_a_run_found_when_it_was_stopped_at_the_end_is_reported():
    begun = threading.Event()

    def stopped_in_time(plan, watch):
        begun.set()
        for _ in range(20_000):
            if watch.is_stopped:
                return report_of(plan, Outcome.FAIL, {7})
            time.sleep(0.001)
        raise AssertionError("nobody stopped it")

    node = Node(stopped_in_time)
    work = asyncio.ensure_future(node.worker(FMA).run())
    assert await asyncio.to_thread(begun.wait, 20)

    work.cancel()
    await asyncio.wait((work,))

    assert [one.outcome for one in node.reports] == [Outcome.FAIL]
    assert (work.cancelled(), node.leases.holders()) == (True, {})


async def test_wrong_words_that_belong_to_no_sm_are_said_whatever_the_outcome():
    found = ("fp32: a block that was moved from SM 2 found 7 wrong words",)
    node = Node(lambda plan, _: replace(report_of(plan), unplaced=found))

    with capture_logs() as logs:
        await node.worker(FMA).turn()

    told = [one["found"] for one in logs if one["event"] == "probe.wrong_words_unplaced"]
    assert (node.reports[0].outcome, told) == (Outcome.PASS, [found])


async def test_a_pause_is_said_and_its_end_too():
    outcomes = [Outcome.TIMEOUT] * 3 + [Outcome.PASS]
    node = Node(lambda plan, _: report_of(plan, outcomes.pop(0), range(132)))
    worker = node.worker(FMA)
    paused = []

    for _ in range(4):
        await worker.turn()
        node.now_s += 3601
        paused.append(node.metrics.values[metrics.PROBES_PAUSED, "GPU-0"])

    assert paused == [0, 0, 1, 0]


async def test_what_it_did_is_counted():
    node = Node(lambda plan, _: report_of(plan, Outcome.FAIL, {7}, 6_000_000_000))
    worker = node.worker(FMA)

    await worker.turn()
    await worker.turn()

    values = node.metrics.values
    assert values[metrics.PROBE_EXECUTIONS, "fma", "fail"] == 2
    assert values[metrics.PROBE_EXECUTIONS, "fma", "pass"] == 131
    assert values[metrics.ACTIVE_SMS, "GPU-0"] == 132
    assert values[metrics.PROBE_COVERAGE, "GPU-0", "fma"] == 1.0
    assert values[metrics.PROBE_LATENCY, "fma"] == 6.0
    assert values[metrics.PROBE_OVERHEAD, "GPU-0"] == 1.0
