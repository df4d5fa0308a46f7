"""Our client reads a real Prometheus, and the simulated one answers the same requests as it does."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from tests.cluster.prometheus import prometheus
from tests.fleet_prom.conftest import NOW, Faults, WrittenSeries, WrittenSource

from gcm_sentinel.clients.prometheus import PrometheusClient, utc
from gcm_sentinel.domain.errors import Rejected
from sentinel_fleet.prom import prometheus_app

QUERIES = [
    "DCGM_FI_DEV_GPU_TEMP",
    'DCGM_FI_DEV_GPU_TEMP{Hostname="a"} > 41',
    "max by (Hostname) (DCGM_FI_DEV_GPU_TEMP)",
    "increase(DCGM_FI_DEV_ECC_SBE_VOL_TOTAL[5m])",
    "rate(DCGM_FI_DEV_ECC_SBE_VOL_TOTAL[5m])",
    "delta(DCGM_FI_DEV_GPU_TEMP[5m])",
    "changes(DCGM_FI_DEV_XID_ERRORS[10m])",
    "max_over_time(DCGM_FI_DEV_XID_ERRORS[10m]) > 0",
    "quantile_over_time(0.9, DCGM_FI_DEV_GPU_TEMP[10m])",
    "count(up == 0)",
    "absent(nothing)",
    "topk(1, DCGM_FI_DEV_GPU_TEMP)",
    'label_replace(up, "node", "$1", "instance", "(.*):.*")',
    "DCGM_FI_DEV_GPU_TEMP offset 5m",
    "time()",
    "rate(DCGM_FI_DEV_GPU_TEMP[5m])",
]
REFUSED = ["up{a=}", "up + on(a) b by", "sum(up) by"]
REFUSED_IN_WORDS = [
    *("rate(", "rate(up)", "rate(5)", "rate(rate(up[5m]))", "up[5m", "nosuch(up)", "up{", "up offset", "sum by (", ""),
    *("label_replace(up)", "time(1)", "{}", "topk(up)", "sum(\n  rate(up)\n)", "nosuch(\nup", "1 + nosuch (up)"),
]
"""Refusals in which the simulated parser knows what is wrong, and where."""


_ROWS = ("vector", "matrix")
_PLACE = re.compile(r" \(\d+:\d+\)$")


def scrapes(value, *, step=0.0):
    """Ten minutes of samples up to `NOW`."""
    return [(NOW - 30.0 * k, value + step * (20 - k)) for k in range(20, -1, -1)]


def series():
    for host, gpu, value in [("a", "0", 41.0), ("a", "1", 42.0), ("b", "0", 60.5), ("b", "1", 44.0)]:
        where = {"Hostname": host, "gpu": gpu, "job": "dcgm-exporter"}
        yield {"__name__": "DCGM_FI_DEV_GPU_TEMP", **where}, scrapes(value, step=0.25)
        yield {"__name__": "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", **where}, scrapes(7.0, step=float(gpu) * 3)
        yield {"__name__": "DCGM_FI_DEV_XID_ERRORS", **where}, scrapes(79.0 if host == "b" else 0.0)
    for number in (1, 2):
        yield {"__name__": "up", "job": "dcgm-exporter", "instance": f"127.64.0.{number}:9400"}, scrapes(number - 1.0)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The URL of a real server that holds the series."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), series()) as url:
        yield url


@pytest.fixture
async def client(real) -> AsyncIterator[PrometheusClient]:
    async with aclosing(PrometheusClient(real, timeout=timedelta(seconds=20))) as connected:
        yield connected


@pytest.fixture
async def both(real) -> AsyncIterator[list[str]]:
    """The URLs of the simulated server and of the real one."""
    source = WrittenSource([WrittenSeries(labels, points) for labels, points in series()], {})
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(prometheus_app(source, lambda: NOW, Faults())))
        yield [str(server.make_url("")).rstrip("/"), real]


async def ask(url, path, **query):
    async with aiohttp.ClientSession(url) as session, session.post(f"/api/v1/{path}", data=query) as response:
        return response.status, json.loads(await response.text())


def comparable(answered):
    """What both must agree on; of a refusal its kind, of a remark all but the place in the query that it is about."""
    status, body = answered
    if body["status"] != "success":
        return status, body["errorType"]
    result = body["data"]["result"]
    rows = sorted(result, key=lambda row: json.dumps(row["metric"])) if body["data"]["resultType"] in _ROWS else result
    remarks = [_PLACE.sub("", text) for text in (*body.get("warnings", ()), *body.get("infos", ()))]
    return status, body["data"]["resultType"], remarks, rows


@pytest.mark.parametrize("query", QUERIES)
async def test_an_instant_query_is_answered_alike(both, query):
    simulated, real = [comparable(await ask(url, "query", query=query, time=str(NOW))) for url in both]

    assert simulated == real


@pytest.mark.parametrize("query", QUERIES)
async def test_a_range_query_is_answered_alike(both, query):
    asked = {"query": query, "start": str(NOW - 600), "end": str(NOW), "step": "60"}

    simulated, real = [comparable(await ask(url, "query_range", **asked)) for url in both]

    assert simulated == real


@pytest.mark.parametrize("query", REFUSED)
async def test_what_does_not_parse_is_refused_alike(both, query):
    simulated, real = [comparable(await ask(url, "query", query=query)) for url in both]

    assert simulated == real


@pytest.mark.parametrize("query", REFUSED_IN_WORDS)
async def test_what_does_not_parse_is_refused_in_the_same_words(both, query):
    simulated, real = [await ask(url, "query", query=query) for url in both]

    assert simulated == real


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [(0, NOW, 1), (NOW, NOW - 1, 60), (NOW - 60, NOW, 0), (NOW - 60, NOW, -1), ("x", NOW, 60)],
    ids=["too many steps", "end before start", "no step", "a negative step", "no time"],
)
async def test_a_range_that_is_none_is_refused_alike(both, start, end, step):
    asked = {"query": "up", "start": str(start), "end": str(end), "step": str(step)}

    simulated, real = [comparable(await ask(url, "query_range", **asked)) for url in both]

    assert simulated == real


async def test_our_client_reads_values_series_and_labels(client):
    found = await client.query("max by (Hostname) (DCGM_FI_DEV_GPU_TEMP)", at=utc(NOW))
    hosts = await client.label_values("Hostname")
    series_of_b = await client.series(['DCGM_FI_DEV_GPU_TEMP{Hostname="b"}'], utc(NOW - 600), utc(NOW))

    assert {one.labels["Hostname"]: one.points[-1][1] for one in found.series} == {"a": 47.0, "b": 65.5}
    assert hosts == ("a", "b")
    assert [labels["gpu"] for labels in series_of_b] == ["0", "1"]
    assert await client.is_up()


async def test_a_query_that_does_not_parse_is_rejected_in_its_words(client):
    with pytest.raises(Rejected, match="parse error"):
        await client.query("rate(")
