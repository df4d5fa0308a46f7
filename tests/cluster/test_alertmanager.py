"""The simulated Alertmanager answers as a real one that was sent the same alerts."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import aiohttp
import httpx2
import pytest
from aiohttp.test_utils import TestServer
from tests.cluster.servers import Server, free_ports, until
from tests.fleet_prom.conftest import Faults

from sentinel_fleet.prom import alertmanager_app

_START_WITHIN_S = 120
_CONFIG = """
route: {receiver: oncall, group_by: [alertname], group_wait: 1h}
receivers: [{name: oncall}]
inhibit_rules:
  - source_matchers: [alertname=NodeDown]
    target_matchers: [alertname=GpuHot]
    equal: [node]
"""
BEGUN = time.time() - 600
FIRING = [("GpuXid", "gpu-1", "critical"), ("GpuXid", "gpu-10", "warning"), ("NodeDown", "gpu-2", "critical")]
INHIBITED = ("GpuHot", "gpu-2", "warning")
FILTERS = [
    {},
    {"filter": "node=gpu-1"},
    {"filter": 'node="gpu-1"'},
    {"filter": "node=~gpu-1.*"},
    {"filter": "node!=gpu-1"},
    {"filter": 'severity!~"warn.*"'},
    {"filter": "team="},
    {"inhibited": "false"},
    {"active": "false"},
    {"receiver": "oncall"},
    {"receiver": "nobody"},
    {"receiver": "("},
    {"filter": "node"},
    {"filter": "node=~("},
    {"active": "perhaps"},
]


def moment(offset_s):
    return datetime.fromtimestamp(BEGUN + offset_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def sent(name, node, severity):
    """An alert as Prometheus sends it."""
    labels = {"alertname": name, "node": node, "severity": severity}
    times = {"startsAt": moment(0), "endsAt": moment(7200)}
    return {"labels": labels, "annotations": {"summary": "words"}, "generatorURL": "http://prometheus/graph", **times}


def shown(number, alert, *, inhibited=False):
    """The same alert as it is given back."""
    state, by = ("suppressed", ["f2"]) if inhibited else ("active", [])
    status = {"state": state, "silencedBy": [], "inhibitedBy": by, "mutedBy": []}
    receivers = [{"name": "oncall"}]
    return {**alert, "fingerprint": f"f{number}", "updatedAt": moment(1), "receivers": receivers, "status": status}


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The URL of a real Alertmanager that was sent the alerts."""
    folder, (port, gossip) = tmp_path_factory.mktemp("alertmanager"), free_ports(2)
    (folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    listen = [f"--web.listen-address=127.0.0.1:{port}", f"--cluster.listen-address=127.0.0.1:{gossip}"]
    files = [f"--config.file={folder / 'config.yaml'}", f"--storage.path={folder / 'data'}"]
    server = Server("alertmanager", [*listen, *files, "--cluster.advertise-address=127.0.0.1:1"], folder)
    try:
        with httpx2.Client(base_url=url, trust_env=False) as http:
            server.wait(lambda: _ready(http), _START_WITHIN_S)
            alerts = [sent(*alert) for alert in (*FIRING, INHIBITED)]
            assert http.post("/api/v2/alerts", json=alerts).status_code == 200
            until(lambda: _suppressed(http) == ["GpuHot"], _START_WITHIN_S, "the alerts are there")
        yield url
    finally:
        server.stop()


def _ready(http):
    try:
        return http.get("/-/ready").status_code == 200
    except httpx2.TransportError:
        return False


def _suppressed(http):
    found = http.get("/api/v2/alerts").json()
    return [one["labels"]["alertname"] for one in found if one["status"]["state"] == "suppressed"]


@pytest.fixture
async def both(real) -> AsyncIterator[list[aiohttp.ClientSession]]:
    """Sessions with the simulated server and the real one."""
    alerts = [shown(number, sent(*alert)) for number, alert in enumerate(FIRING)]
    alerts.append(shown(3, sent(*INHIBITED), inhibited=True))
    async with AsyncExitStack() as stack:
        app = alertmanager_app(lambda now: alerts, time.time, Faults())
        server = await stack.enter_async_context(TestServer(app))
        urls = [str(server.make_url("")).rstrip("/"), real]
        yield [await stack.enter_async_context(aiohttp.ClientSession(url)) for url in urls]


async def get(session, path, params=None):
    async with session.get(f"/api/v2/{path}", params=params) as response:
        return response.status, json.loads(await response.text())


def comparable(answered):
    """An alert by everything but the marks that each server makes itself; of a refusal its status."""
    status, body = answered
    if status != 200:
        return status
    own = ("fingerprint", "updatedAt")
    told = [{name: value for name, value in alert.items() if name not in own} for alert in body]
    for alert in told:
        alert["startsAt"], alert["endsAt"] = alert["startsAt"][:19], alert["endsAt"][:19]
        alert["status"] = {**alert["status"], "inhibitedBy": len(alert["status"]["inhibitedBy"])}
    return sorted(told, key=lambda alert: sorted(alert["labels"].items()))


@pytest.mark.parametrize("asked", FILTERS, ids=str)
async def test_alerts_are_shown_alike(both, asked):
    simulated, real = [comparable(await get(session, "alerts", asked)) for session in both]

    assert simulated == real


def silence(node, *, name="node", **changed):
    matcher = {"name": name, "value": node, "isRegex": False, "isEqual": True}
    begin, end = datetime.now(UTC).isoformat(), moment(7200)
    return {"matchers": [matcher], "startsAt": begin, "endsAt": end, "createdBy": "me", "comment": "c", **changed}


async def silenced_and_back(session):
    """What a silence of one node's alert does while it is there, and after."""
    async with session.post("/api/v2/silences", json=silence("gpu-1")) as made:
        number = (await made.json())["silenceID"]
    _, during = await get(session, "alerts", {"filter": "node=gpu-1"})
    async with session.delete(f"/api/v2/silence/{number}") as taken:
        pass
    _, after = await get(session, "alerts", {"filter": "node=gpu-1"})
    by_this = during[0]["status"]["silencedBy"] == [number]
    return made.status, during[0]["status"]["state"], by_this, taken.status, after[0]["status"]["state"]


async def test_a_silence_suppresses_what_it_matches_until_it_is_taken_back(both):
    for session in both:
        assert await silenced_and_back(session) == (200, "suppressed", True, 200, "active")


@pytest.mark.parametrize(
    "wrong",
    [{"matchers": []}, {"endsAt": moment(-60)}, {"endsAt": "never"}, {"createdBy": None}, {"comment": ""}],
    ids=str,
)
async def test_a_silence_that_is_none_is_refused_alike(both, wrong):
    seen = []
    for session in both:
        async with session.post("/api/v2/silences", json=silence("gpu-1", **wrong)) as answer:
            seen.append(answer.status)
            if answer.status == 200:
                await session.delete(f"/api/v2/silence/{(await answer.json())['silenceID']}")

    assert seen[0] == seen[1]


@pytest.mark.parametrize("number", ["no-uuid", "11111111-2222-4333-8444-555555555555"])
async def test_a_silence_that_is_not_there(both, number):
    seen = []
    for session in both:
        async with session.get(f"/api/v2/silence/{number}") as answer:
            seen.append(answer.status)

    assert seen[0] == seen[1]
