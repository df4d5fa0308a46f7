"""A probe ends when its caller leaves, and its GPU is free when it has ended, not before."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from tests.node_service.conftest import Given, connected, serving
from tests.node_service.doubles import GPU, OTHER, WITHIN_S, SteppedProber, sample
from tests.node_service.test_running_a_probe import events, refusal, request
from tests.node_service.waiting import ended, reached, stopped, until, until_free

from sentinel.node.v1 import node_pb2, node_pb2_grpc
from sentinel_node.service import desk


@pytest.fixture
def given() -> Given:
    return Given(prober=SteppedProber(held=True))


@pytest.mark.parametrize("how", ["cancel", "deadline", "disconnect"])
async def test_a_caller_who_leaves_stops_it_before_its_next_launch(how, given):
    async with serving(given) as port:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        call = node_pb2_grpc.NodeServiceStub(channel).RunProbe(
            request(), timeout=0.2 if how == "deadline" else WITHIN_S
        )
        await reached(given.prober)
        if how == "cancel":
            call.cancel()
        elif how == "disconnect":
            await channel.close(grace=None)
        with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
            [event async for event in call]
        await stopped(given.prober)
        await ended(given.prober)
        await until_free(given)
        await channel.close()

    assert given.prober.launched == 1


async def test_the_gpu_stays_held_until_the_launch_under_way_has_ended(node, given):
    call = node.RunProbe(request(), timeout=WITHIN_S)
    await reached(given.prober)
    call.cancel()

    code, words = await refusal(node, request())

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "anonymous (fma, light)" in words
    await ended(given.prober)
    await until_free(given)
    assert (await events(node, request()))[-1].HasField("report")


async def test_one_whose_callers_time_is_almost_over_is_stopped_and_the_caller_hears_what_it_found(
    node, given, monkeypatch
):
    monkeypatch.setattr(desk, "_LAST_S", WITHIN_S)
    monkeypatch.setattr(desk, "_LAST_SHARE", 0.99)

    call = node.RunProbe(request(), timeout=WITHIN_S)
    await stopped(given.prober)
    given.prober.go.set()

    report = [event async for event in call][-1].report
    assert (report.passed, report.not_run, given.prober.launched) == (1, 2, 1)


async def test_what_it_found_is_handed_on_although_its_caller_has_left(node, given):
    call = node.RunProbe(request(), timeout=WITHIN_S)
    await reached(given.prober)
    call.cancel()
    await stopped(given.prober)
    await ended(given.prober)

    await until(lambda: given.heard == [("fma", GPU.uuid)])


async def test_what_hung_is_handed_on_when_it_has_ended_after_all(given):
    given.grace_s = 0.05
    async with connected(given) as node:
        await refusal(node, request(deadline_seconds=0.01))
        assert given.heard == []
        await ended(given.prober)

        await until(lambda: given.heard == [("fma", GPU.uuid)])


async def test_another_gpu_is_probed_meanwhile(node, given):
    call = node.RunProbe(request(), timeout=WITHIN_S)
    await reached(given.prober)
    other = node.RunProbe(request(gpu_uuid=OTHER.uuid), timeout=WITHIN_S)
    given.prober.go.set()

    assert [event async for event in other][-1].report.plan.gpu_uuid == OTHER.uuid
    assert [event async for event in call][-1].report.plan.gpu_uuid == GPU.uuid


async def test_who_holds_a_gpu_is_told_to_whoever_describes_the_node(node, given):
    call = node.RunProbe(request(), timeout=WITHIN_S)
    await reached(given.prober)

    told = await node.DescribeNode(node_pb2.DescribeNodeRequest(), timeout=WITHIN_S)

    assert [(held.gpu_uuid, held.holder) for held in told.holders] == [(GPU.uuid, "anonymous (fma, light)")]
    given.prober.go.set()
    assert [event async for event in call]


async def test_a_gpu_that_does_not_answer_is_told_in_time_and_stays_held(given):
    given.grace_s = 0.05

    async with connected(given) as node:
        code, words = await refusal(node, request(deadline_seconds=0.01))
        held = given.leases.holders()
        await ended(given.prober)

    assert (code, list(held)) == (grpc.StatusCode.UNAVAILABLE, [GPU.uuid])
    assert "stays held" in words


async def test_a_node_that_stops_ends_probes_and_says_so(given):
    async with serving(given) as port:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        call = node_pb2_grpc.NodeServiceStub(channel).RunProbe(request(), timeout=WITHIN_S)
        await reached(given.prober)
    await ended(given.prober)

    with pytest.raises(grpc.aio.AioRpcError, match="the node agent is stopping") as caught:
        [event async for event in call]
    assert (caught.value.code(), given.prober.launched) == (grpc.StatusCode.UNAVAILABLE, 1)
    await channel.close()


class TestDeep:
    """A deep probe takes a GPU that nobody computes on."""

    deep = request(depth=node_pb2.PROBE_DEPTH_DEEP)

    @pytest.fixture
    def given(self) -> Given:
        return Given()

    async def test_runs_on_an_idle_gpu(self, node):
        assert (await events(node, self.deep))[-1].report.plan.depth == node_pb2.PROBE_DEPTH_DEEP

    async def test_is_refused_with_the_processes_that_compute(self, node, given):
        given.telemetry.given = (sample(compute_processes=(4711, 4712)),)

        code, words = await refusal(node, self.deep)

        assert (code, given.prober.plans) == (grpc.StatusCode.FAILED_PRECONDITION, [])
        assert "4711, 4712" in words
        assert given.leases.holders() == {}

    async def test_is_refused_where_the_gpu_works_for_somebody_unseen(self, node, given):
        given.telemetry.given = (sample(utilization_pct=97.0),)

        code, words = await refusal(node, self.deep)

        assert (code, "97 % busy" in words) == (grpc.StatusCode.FAILED_PRECONDITION, True)

    @pytest.mark.parametrize(
        "samples",
        [
            (),
            (sample(compute_processes=None),),
            (sample(unreadable=("compute_processes: no permission",)),),
            (sample(unreadable=("mps_processes: Unknown Error",)),),
            (sample(lost="GPU is lost"),),
        ],
        ids=["no-sample", "unknown", "unreadable", "mps-unreadable", "lost"],
    )
    async def test_is_not_run_where_nobody_can_tell(self, node, given, samples):
        given.telemetry.given = samples

        code, _ = await refusal(node, self.deep)

        assert (code, given.prober.plans) == (grpc.StatusCode.UNAVAILABLE, [])

    async def test_a_light_one_runs_beside_others(self, node, given):
        given.telemetry.given = (sample(compute_processes=(4711,), utilization_pct=97.0),)

        assert (await events(node, request()))[-1].HasField("report")
