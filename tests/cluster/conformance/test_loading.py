"""A world in real servers is the world: its objects keep their age and identity, its series end where they ended."""

from __future__ import annotations

import time

import aiohttp
import httpx2
import pytest
from tests.cluster.conformance.servers import receiving_prometheus
from tests.cluster.conformance.sides import real, simulated
from tests.fleet_prom.conftest import WrittenSeries, WrittenSource

from gcm_sentinel.app.scenarios import find_scenario
from gcm_sentinel.app.simulated import Case
from sentinel_fleet.loading.remote_write import send
from sentinel_fleet.loading.samples import NotedSource

NOW = float(int(time.time()))
STEPS = 3000
UP = {"__name__": "up", "job": "dcgm-exporter"}


@pytest.fixture
def prometheus(tmp_path):
    """The URL of a server that was told nothing yet."""
    with receiving_prometheus(tmp_path) as url:
        yield url


async def tell(url, labels, samples):
    """Write a series down as a world's are; how many samples went out."""
    source = NotedSource(WrittenSource([WrittenSeries(labels, samples)], {}))
    async with aiohttp.ClientSession(url) as session:
        return await send(session, list(source.written(NOW, STEPS * 30.0)))


def value(url, query, at):
    """The values that an instant query gives."""
    with httpx2.Client(base_url=url, trust_env=False) as http:
        found = http.get("/api/v1/query", params={"query": query, "time": str(at)}).json()["data"]["result"]
    return [float(row["value"][1]) for row in found]


async def test_a_series_that_ended_is_gone_one_scrape_later(prometheus):
    last = NOW - 120
    await tell(prometheus, {**UP, "instance": "ended"}, [(last - 30 * k, 1.0) for k in range(9, -1, -1)])

    moments = [last, last + 29, last + 31]
    assert [value(prometheus, 'up{instance="ended"}', at) for at in moments] == [[1.0], [1.0], []]


async def test_a_gap_is_one_in_an_instant_query(prometheus):
    samples = [(NOW - 600, 1.0), (NOW - 570, 1.0), (NOW - 300, 1.0), (NOW, 1.0)]
    await tell(prometheus, {**UP, "instance": "gap"}, samples)

    assert value(prometheus, 'up{instance="gap"}', NOW - 500) == []
    assert value(prometheus, 'count_over_time(up{instance="gap"}[1h])', NOW) == [4.0]


async def test_more_than_one_block_of_samples_arrives_whole(prometheus):
    samples = [(NOW - 30 * k, float(k)) for k in range(STEPS, -1, -1)]

    sent = await tell(prometheus, {**UP, "instance": "long"}, samples)

    assert sent == STEPS + 1
    assert value(prometheus, 'count_over_time(up{instance="long"}[2d])', NOW) == [STEPS + 1]


async def test_objects_keep_their_identity_and_their_age(still_cluster, tmp_path):
    async with simulated(Case(find_scenario("exporter-dead"), seed=2)) as (fleet, noted):
        async with real(fleet, noted, still_cluster, tmp_path):
            served = still_cluster.admin.items("/api/v1/pods")
            there = {pod["metadata"]["uid"]: pod["metadata"]["creationTimestamp"] for pod in served}
        left = still_cluster.admin.items("/api/v1/pods")

    pods = [item["metadata"] for item in fleet.world.objects() if item["kind"] == "Pod"]
    assert there == {pod["uid"]: pod["creationTimestamp"] for pod in pods}
    assert left == []
