"""The source against a real server of the node's service over GPUs in software."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import structlog
from tests.deep_probe_source.machine import NODE, SoftwareProber, idle
from tests.node_agent_client.conftest import loopback
from tests.node_service.conftest import Given, serving

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.deep_probe import DeepProbeSource
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.node_agent import ProbePermission
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
SCOPE = Scope(Incident("inc-1", (Trigger("manual", NODE, "GpuSdc", TriggerStatus.PROBLEM, "", "", NOW),), NOW))
SEED = 2**53 - 1
Ask = Callable[..., Awaitable[ToolResult]]


class Clock:
    """Eight in the evening, for as long as a test takes."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture(autouse=True)
def _quiet() -> None:
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


@pytest.fixture
def prober() -> SoftwareProber:
    return SoftwareProber()


@pytest.fixture
def given(prober: SoftwareProber) -> Given:
    return Given(prober=prober, telemetry=idle())


def source_of(
    agents: NodeAgents | None, may_ask: ProbePermission = ProbePermission.DEEP, timeout_s: float = 60
) -> DeepProbeSource:
    """The source that asks them."""
    kubernetes, http = cast(KubernetesClient, None), cast(HttpClient, None)
    context = SourceContext(
        kubernetes,
        None,
        http,
        Clock(),
        call_timeout=timedelta(seconds=timeout_s),
        node_probes=agents,
        node_readings=agents,
        probes=may_ask,
    )
    return DeepProbeSource(context, lambda: SEED)


@pytest.fixture
async def agents(given: Given) -> AsyncIterator[NodeAgents]:
    async with serving(given) as port:
        yield NodeAgents(NodeAccess(f"{{node_ip}}:{port}", ip_of=loopback))


@pytest.fixture
def ask(agents: NodeAgents) -> Ask:
    """Ask it for a probe of the FMA units of GPU 0, or for what a test says."""

    async def run(
        tool: str = "probe_gpu",
        may_ask: ProbePermission = ProbePermission.DEEP,
        timeout_s: float = 60,
        **arguments: Any,
    ) -> ToolResult:
        if tool == "probe_gpu":
            arguments = {"gpu": "0", "suspicion": "fma", **arguments}
        return await source_of(agents, may_ask, timeout_s).execute(ToolCall("c1", tool, arguments), SCOPE)

    return run
