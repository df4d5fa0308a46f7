"""A probe that may not go on is stopped, and what it was about is told as not verified."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from tests.deep_probing.conftest import GPU, KEY

from gcm_sentinel.domain.action_record import ActionState
from sentinel_node.domain.probes import Outcome

FAILED = ActionState.FAILED


async def probed_while(site, bench, happens):
    """The order as it ends; `happens` is called while the memory of the GPU is probed."""
    bench.holds = "memory"
    record = await site.ordered()
    await site.hand_over()
    async with asyncio.TaskGroup() as group:
        job = group.create_task(site.run(KEY))
        await asyncio.to_thread(bench.held.wait, 20)
        await happens()
        await job
    assert await asyncio.to_thread(bench.stopped.wait, 20)
    return await site.now(record)


async def test_a_pod_with_a_gpu_that_comes_stops_it(site, bench):
    async def comes():
        site.put_pod()

    ended = await probed_while(site, bench, comes)

    assert ended.state is FAILED
    assert "memory no report (the memory probe was stopped: drain first: 1 pods with GPUs run on node-1" in ended.note


@pytest.mark.slow
async def test_a_node_that_is_given_back_stops_it(site, bench):
    async def given_back():
        site.drained(unschedulable=False)

    ended = await probed_while(site, bench, given_back)

    assert ended.state is FAILED
    assert "is not cordoned by us" in ended.note


@pytest.mark.slow
async def test_an_incident_that_is_over_stops_it(site, bench):
    async def closed():
        await site.close("inc-1")

    ended = await probed_while(site, bench, closed)

    assert ended.state is FAILED
    assert "the incident is over" in ended.note
    assert "tensor_core soaked not asked" in ended.note


@pytest.mark.slow
async def test_a_process_that_is_told_to_stop_ends_the_probe_and_another_one_begins_it_again(site, bench):
    bench.holds = "memory"
    record = await site.ordered()
    await site.hand_over()
    job = asyncio.create_task(site.run(KEY))
    await asyncio.to_thread(bench.held.wait, 20)
    job.cancel()
    await asyncio.wait((job,))
    assert await asyncio.to_thread(bench.stopped.wait, 20)

    bench.holds = ""
    await site.work()

    assert (await site.now(record)).state is ActionState.DONE
    assert bench.ran.count((GPU, "memory")) == 2


@pytest.mark.slow
async def test_how_far_it_is_and_a_failure_are_logged_as_they_come(site, bench):
    bench.of_kind[GPU, "fma"] = (Outcome.PASS, Outcome.FAIL)

    with structlog.testing.capture_logs() as logged:
        await site.probed()

    failed = [line for line in logged if line["event"] == "action.probe_failed" and line["gpu_uuid"] == GPU]
    assert [(line["kind"], line["sm"]) for line in failed] == [("fma", 1)] * 2
    assert [line["outcome"] for line in logged if line["event"] == "action.probed"][:2] == ["fail", "pass"]
