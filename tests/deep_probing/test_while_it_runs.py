"""A probe that may not go on is stopped, and what it was about is told as not verified."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from tests.deep_probing.conftest import GPU, KEY, SWIFT

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.errors import Forbidden, SentinelError, Unreachable
from gcm_sentinel.storage.actions import Step
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


class Away:
    """A reader that does not answer while something is wrong."""

    def __init__(self, asked):
        self.trouble: SentinelError | None = None
        self.count = 0
        self.often = asyncio.Event()
        """Asked three times."""
        self._asked = asked

    async def __call__(self, *arguments, **named):
        self.count += 1
        if self.count == 3:
            self.often.set()
        if self.trouble is not None:
            raise self.trouble
        return await self._asked(*arguments, **named)


async def test_a_pod_that_comes_while_our_database_is_away_stops_it_at_once(site, bench, monkeypatch):
    actions = Away(site.stores.actions.get)

    async def comes():
        monkeypatch.setattr(site.stores.actions, "get", actions)
        actions.trouble = Unreachable("the database is away")
        site.put_pod()
        assert await asyncio.to_thread(bench.stopped.wait, 20)
        actions.trouble = None

    assert "1 pods with GPUs run" in (await probed_while(site, bench, comes)).note


@pytest.mark.slow
async def test_rights_that_were_taken_away_stop_it(site, bench, monkeypatch):
    nodes = Away(site.client.get)
    monkeypatch.setattr(site.client, "get", nodes)

    async def forbidden():
        nodes.trouble = Forbidden("nodes is forbidden")
        assert await asyncio.to_thread(bench.stopped.wait, 20)
        nodes.trouble = None

    assert (
        "whether it may go on cannot be seen: nodes is forbidden" in (await probed_while(site, bench, forbidden)).note
    )


@pytest.mark.slow
async def test_a_node_that_is_not_seen_for_a_minute_stops_it(site, bench, monkeypatch):
    nodes = Away(site.client.get)
    monkeypatch.setattr(site.client, "get", nodes)

    async def silent():
        nodes.trouble = Unreachable("the API server is away")
        site.clock.moment += SWIFT.blind
        assert await asyncio.to_thread(bench.stopped.wait, 20)
        nodes.trouble = None

    assert "its node could not be seen for 60 s" in (await probed_while(site, bench, silent)).note


async def test_an_order_that_somebody_ended_stops_it(site, bench):
    async def ended():
        (record,) = await site.stores.actions.of_incident("inc-1")
        assert await site.stores.actions.advance(record.id, Step(FAILED, site.clock.now(), note="stood down"))

    assert (await probed_while(site, bench, ended)).note == "stood down"


@pytest.mark.slow
async def test_an_order_that_another_process_goes_on_with_stops_it(site, bench):
    async def taken_over():
        (record,) = await site.stores.actions.of_incident("inc-1")
        step = Step(ActionState.RUNNING, site.clock.now(), executor="pod-9", job=KEY)
        await site.stores.actions.take_over(record.id, step)

    assert "another process sees the order through" in (await probed_while(site, bench, taken_over)).note


@pytest.mark.slow
async def test_an_order_that_has_grown_old_stops_it_in_the_process_that_began_it(site, bench):
    async def passes():
        site.clock.moment += site.policy.order_lasts + SWIFT.look

    assert "what was not sent 180 min later is not" in (await probed_while(site, bench, passes)).note


@pytest.mark.slow
async def test_what_the_investigation_found_is_read_once_however_often_it_is_looked(site, bench, monkeypatch):
    asked, wanted = Away(site.stores.investigations.get), Away(site.stores.actions.stands)

    async def looks():
        monkeypatch.setattr(site.stores.investigations, "get", asked)
        monkeypatch.setattr(site.stores.actions, "stands", wanted)
        async with asyncio.timeout(20):
            await wanted.often.wait()
        site.put_pod()

    await probed_while(site, bench, looks)

    assert asked.count == 0
