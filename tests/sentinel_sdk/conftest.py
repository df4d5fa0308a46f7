"""A scripted server for each test, and clients of both faces for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.sentinel_sdk import gateway
from tests.sentinel_sdk.scripted import ScriptedServer

from sentinel_sdk import RetryConfig, SentinelClient

QUICK = RetryConfig(max_retries=3, initial_backoff_s=0.01, max_backoff_s=0.05)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("ENDPOINT", "CA_CERT", "CLIENT_CERT", "CLIENT_KEY", "TIMEOUT", "MAX_RETRIES", "LOG_LEVEL", "TOKEN"):
        monkeypatch.delenv(f"SENTINEL_{name}", raising=False)


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def client(server):
    with SentinelClient.connect(server.endpoint, retry_config=QUICK, default_timeout=10) as client:
        yield client


@pytest.fixture
async def aclient(server):
    async with await SentinelClient.aconnect(server.endpoint, retry_config=QUICK, default_timeout=10) as client:
        yield client


@pytest.fixture(params=["blocking", "asynchronous"])
async def ask(request, server):
    """Calls an operation by name, through the one face or the other; `ask.client` is the client itself."""
    how: dict[str, Any] = {"retry_config": QUICK, "default_timeout": 10}
    if request.param == "blocking":
        blocking = SentinelClient.connect(server.endpoint, **how)
        yield Asker(
            request.param,
            blocking,
            lambda name, *args, **more: asyncio.to_thread(getattr(blocking, name), *args, **more),
        )
        blocking.close()
    else:
        asynchronous = await SentinelClient.aconnect(server.endpoint, **how)
        yield Asker(
            request.param, asynchronous, lambda name, *args, **more: getattr(asynchronous, f"a{name}")(*args, **more)
        )
        await asynchronous.aclose()


@dataclass(frozen=True)
class Asker:
    face: str
    client: SentinelClient
    call: Callable[..., Awaitable[Any]]

    async def __call__(self, name: str, *args: Any, **more: Any) -> Any:
        return await self.call(name, *args, **more)


@pytest.fixture(scope="session")
def plain(tmp_path_factory) -> Iterator[gateway.Plain]:
    """A gateway without TLS that has heard of the GPUs the guide speaks of."""
    with gateway.plain_gateway(tmp_path_factory.mktemp("plain")) as running:
        with SentinelClient.connect(running.endpoint) as client:
            for uuid in (gateway.GPU, *gateway.TRAINING):
                gateway.report_probes(client, uuid, passes=20)
            gateway.report_probes(client, gateway.TRAINING[0], passes=900)
            gateway.report_probes(client, gateway.GPU, failures=1)
            gateway.report_dissent(client, *gateway.TRAINING[:3])
        yield running


@pytest.fixture(scope="session")
def secure(tmp_path_factory) -> Iterator[gateway.Secure]:
    """A gateway with TLS that has heard of the same GPUs, and of a suspect."""
    with gateway.secure_gateway(tmp_path_factory.mktemp("secure")) as running:
        with SentinelClient.connect(running.endpoint, tls_config=running.tls(running.agent)) as client:
            for uuid in (gateway.GPU, *gateway.TRAINING):
                gateway.report_probes(client, uuid, passes=20)
            gateway.report_a_failing_sm(client, gateway.SUSPECT)
        yield running
