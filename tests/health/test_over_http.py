"""The endpoints as the kubelet and Prometheus meet them: a real server on a real port."""

from __future__ import annotations

import asyncio
import signal
import socket

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gcm_sentinel.app.health import Health
from gcm_sentinel.app.http_server import endpoints, serve_http
from gcm_sentinel.app.metrics import AgentMetrics
from gcm_sentinel.domain.errors import BadConfiguration

LOOPBACK = "127.0.0.1"


@pytest.fixture
async def ask(clock):
    """Serve these checks, ask one path, answer the response."""

    async def get(path, checks):
        app = endpoints(Health(checks, clock), AgentMetrics(version="1.2.3", engine="playbook", mode="recommend"))
        async with serve_http(app, 0, host=LOOPBACK) as port, httpx2.AsyncClient() as client:
            return await client.get(f"http://{LOOPBACK}:{port}{path}")

    return get


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_all_well_is_200_with_every_check(ask, check, path):
    answer = await ask(path, [check("watch"), check("triage")])

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": [
            {"name": "watch", "ok": True, "age_s": 0.0, "words": "as told"},
            {"name": "triage", "ok": True, "age_s": 0.0, "words": "as told"},
        ],
    }


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_a_failing_check_is_503_and_says_which(ask, check, path):
    answer = await ask(path, [check("watch"), check("triage", ok=False, words="has not come round within 60 s")])

    assert answer.status_code == 503
    assert [item["words"] for item in answer.json()["checks"] if not item["ok"]] == ["has not come round within 60 s"]


async def test_a_database_that_is_away_makes_it_unready_and_lets_it_live(ask, check):
    checks = [check("watch", ready=False), check("database", live=False, ok=False)]

    assert (await ask("/livez", checks)).status_code == 200
    assert (await ask("/readyz", checks)).status_code == 503


async def test_metrics_are_what_prometheus_reads(ask):
    answer = await ask("/metrics", [])

    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert families["gcm_sentinel_build_info"].samples[0].labels["version"] == "1.2.3"


async def test_other_paths_are_not_found(ask):
    assert (await ask("/", [])).status_code == 404


async def test_a_busy_port_is_an_error_that_names_the_setting(clock):
    app = endpoints(Health([], clock), AgentMetrics(version="1", engine="playbook", mode="recommend"))
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(BadConfiguration, match=f"GCM_SENTINEL_HTTP_PORT={port}: another process listens on it"):
            async with serve_http(app, port, host=LOOPBACK):
                pass


async def test_the_port_is_free_again_after_the_block(clock):
    app = endpoints(Health([], clock), AgentMetrics(version="1", engine="playbook", mode="recommend"))
    async with serve_http(app, 0, host=LOOPBACK) as port:
        pass

    async with serve_http(app, port, host=LOOPBACK) as again:
        assert again == port


async def test_the_default_address_answers_on_ipv4(clock):
    app = endpoints(Health([], clock), AgentMetrics(version="1", engine="playbook", mode="recommend"))
    async with serve_http(app, 0) as port, httpx2.AsyncClient() as client:
        assert (await client.get(f"http://{LOOPBACK}:{port}/livez")).status_code == 200


async def test_signals_stay_with_the_agent(clock):
    app = endpoints(Health([], clock), AgentMetrics(version="1", engine="playbook", mode="recommend"))
    before = signal.getsignal(signal.SIGTERM)
    async with serve_http(app, 0, host=LOOPBACK):
        assert signal.getsignal(signal.SIGTERM) is before


async def test_what_fails_inside_the_block_passes_unchanged(clock):
    app = endpoints(Health([], clock), AgentMetrics(version="1", engine="playbook", mode="recommend"))

    with pytest.raises(BadConfiguration, match="elsewhere"):
        async with serve_http(app, 0, host=LOOPBACK):
            raise BadConfiguration("elsewhere")


async def test_being_cancelled_closes_the_server(clock):
    app = endpoints(Health([], clock), AgentMetrics(version="1", engine="playbook", mode="recommend"))
    ports = asyncio.Queue[int]()

    async def serve():
        async with serve_http(app, 0, host=LOOPBACK) as port:
            ports.put_nowait(port)
            await asyncio.Event().wait()

    serving = asyncio.create_task(serve())
    port = await ports.get()
    serving.cancel()
    await asyncio.wait([serving])

    assert serving.cancelled()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(LOOPBACK, port)
