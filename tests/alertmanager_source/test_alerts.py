"""`query_alertmanager`: exact names, ages, how widespread, and failures in words."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from aiohttp import web

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.datasources import alertmanager
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Datasource, Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
SCOPE = Scope(Incident("i1", (Trigger("manual", "n1", "A", TriggerStatus.PROBLEM, "", "", NOW),), NOW))


@dataclass
class Upstream:
    """An Alertmanager that answers what it is told."""

    url: str = ""
    alerts: object = field(default_factory=list)
    status: int = 200

    def fire(self, name: str, labels: dict[str, str], *, minutes: int = 5) -> None:
        assert isinstance(self.alerts, list)
        self.alerts.append({
            "labels": {"alertname": name, "severity": "warning", **labels},
            "annotations": {"description": f"{name} fires"},
            "startsAt": (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z"),
            "status": {"state": "active"},
        })  # fmt: skip

    async def handle(self, _request: web.Request) -> web.Response:
        text = self.alerts if isinstance(self.alerts, str) else json.dumps(self.alerts)
        return web.Response(status=self.status, text=text)


class FixedClock:
    """Eight in the evening."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()


def source_at(url: str, http: HttpClient) -> Datasource:
    return alertmanager.build(
        SourceContext(cast(KubernetesClient, None), None, http, FixedClock(), alertmanager_url=url)
    )


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    seen = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", seen.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    seen.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield seen
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(timedelta(seconds=2))
    yield client
    await client.aclose()


@pytest.fixture
def ask(upstream, http) -> Callable[[str], Awaitable[ToolResult]]:
    async def run(node: str) -> ToolResult:
        call = ToolCall("c1", "query_alertmanager", {"node_name": node})
        return await source_at(upstream.url, http).execute(call, SCOPE)

    return run


@pytest.mark.parametrize(
    "labels",
    [
        {"node": "n1"},
        {"nodename": "n1"},
        {"kubernetes_node": "n1"},
        {"Hostname": "n1"},
        {"instance": "n1:9100"},
        {"instance": "n1"},
    ],
    ids=lambda labels: next(iter(labels)),
)
async def test_an_alert_belongs_to_the_node_its_labels_name(upstream, ask, labels):
    upstream.fire("GpuHot", labels)

    result = await ask("n1")

    assert result.status is ResultStatus.OK
    assert result.summary["alerts"][0]["name"] == "GpuHot"


@pytest.mark.parametrize("labels", [{"node": "n10"}, {"instance": "n10:9100"}, {"node": "an1"}, {"pod": "n1"}], ids=str)
async def test_a_name_that_only_looks_alike_is_another_node(upstream, ask, labels):
    upstream.fire("GpuHot", labels)

    result = await ask("n1")

    assert result.status is ResultStatus.NO_DATA
    assert result.summary["alerts"] == []


async def test_ages_descriptions_and_the_newest_first(upstream, ask):
    upstream.fire("Old", {"node": "n1"}, minutes=4320)
    upstream.fire("New", {"node": "n1"}, minutes=2)

    alerts = (await ask("n1")).summary["alerts"]

    assert [(alert["name"], alert["age_s"]) for alert in alerts] == [("New", 120.0), ("Old", 259200.0)]
    assert alerts[0]["description"] == "New fires"


async def test_elsewhere_counts_nodes_not_alerts(upstream, ask):
    upstream.fire("IbDown", {"node": "n1"})
    for node, port in (("n2", "1"), ("n2", "2"), ("n3", "1")):
        upstream.fire("IbDown", {"node": node, "port": port})
    upstream.fire("Unrelated", {"node": "n4"})

    assert (await ask("n1")).summary["elsewhere"] == {"IbDown": 2}


async def test_without_a_node_all_alerts_are_listed_up_to_the_cap(upstream, ask):
    for number in range(60):
        upstream.fire("GpuHot", {"node": f"n{number}"})

    result = await ask("")

    assert (len(result.summary["alerts"]), result.summary["alerts_total"]) == (50, 60)


async def test_an_alert_creates_no_entities(upstream, ask):
    upstream.fire("GpuHot", {"node": "n1", "UUID": "GPU-moved-away"})

    assert (await ask("n1")).entities == ()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, "oops", ResultStatus.UNAVAILABLE),
        (403, "no", ResultStatus.UNAVAILABLE),
        (429, "slow down", ResultStatus.ERROR),
        (200, "<html>", ResultStatus.ERROR),
        (200, '{"alerts": []}', ResultStatus.ERROR),
    ],
)
async def test_failures_come_back_as_results(upstream, ask, status, body, expected):
    upstream.status, upstream.alerts = status, body

    result = await ask("n1")

    assert result.status is expected
    assert result.note


async def test_without_an_address_it_says_how_to_set_one(http):
    source = source_at("", http)

    result = await source.execute(ToolCall("c1", "query_alertmanager", {}), SCOPE)

    assert result.status is ResultStatus.UNAVAILABLE
    assert "GCM_SENTINEL_ALERTMANAGER_URL" in result.note
    available = await source.is_available()
    assert (available.usable, available.broken) == (False, False)


async def test_one_that_is_configured_and_away_is_broken_and_not_merely_off(http, unused_tcp_port):
    available = await source_at(f"http://127.0.0.1:{unused_tcp_port}", http).is_available()

    assert (available.usable, available.broken) == (False, True)


async def test_is_available_when_it_answers(upstream, http):
    assert (await source_at(upstream.url, http).is_available()).usable is True


async def test_odd_alerts_do_not_break_the_list(upstream, ask):
    upstream.alerts = [{"labels": {"node": "n1"}}, {"labels": None, "startsAt": "yesterday"}, {}]

    result = await ask("")

    assert result.summary["alerts_total"] == 3
    assert all(alert["age_s"] is None for alert in result.summary["alerts"])
