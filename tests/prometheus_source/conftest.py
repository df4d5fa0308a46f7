"""A simulated node behind a real Prometheus API, and the source reading it as the agent does."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.prometheus import PrometheusClient
from gcm_sentinel.datasources import prometheus
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Datasource, Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from sentinel_fleet.scenario import load
from sentinel_fleet.serve import serve

NO_KUBERNETES = cast(KubernetesClient, None)
"""This source never asks the API server."""
HEAD = """
schema: gcm-sentinel/scenario/v1
id: one-node
title: One node's GPUs
section: A
draw:
  node: {node: {}}
  gpu: {gpu: {of: node}}
  exporter: {daemonset_pod: {of: nvidia-dcgm-exporter, on: node}}
fleet: {racks: 1, nodes_per_rack: 2}
trigger: {node: "${node}", alert: GpuTrouble}
expect:
  fault_class: [gpu_off_bus]
  severity: [critical]
  entities: [{kind: node, node: "${node}"}]
  actions: {required: [], forbidden: []}
facts:
  - alert: {name: GpuTrouble, node: "${node}", at: 0s}
"""


class WallClock:
    """The time of day."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def scope_of(node: str) -> Scope:
    now = datetime.now(UTC)
    return Scope(Incident("i1", (Trigger("manual", node, "GpuTrouble", TriggerStatus.PROBLEM, "", "", now),), now))


@dataclass(frozen=True)
class Served:
    """A node, the index of the GPU in trouble, and the source's tools."""

    node: str
    gpu: int
    pci: str
    call: Callable[..., Awaitable[ToolResult]]


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(facts: str = "", fleet: str = "") -> Served:
            folder = tmp_path / "one-node"
            folder.mkdir(exist_ok=True)
            text = HEAD.replace("nodes_per_rack: 2}", f"nodes_per_rack: 2{fleet}}}") + facts
            (folder / "scenario.yaml").write_text(text, encoding="utf-8")
            world = load(folder / "scenario.yaml").realise(seed=5, anchor=time.time())
            running = await stack.enter_async_context(serve(world))
            client = PrometheusClient(running.prometheus_url)
            stack.push_async_callback(client.aclose)
            source = build(client)

            async def call(tool: str, **arguments: Json) -> ToolResult:
                return await source.execute(ToolCall("c1", tool, arguments), scope_of(world.trigger.node))

            gpu = int(str(world.names["gpu"]))
            return Served(world.trigger.node, gpu, world.fleet.pci[gpu], call)

        yield start


def build(client: PrometheusClient | None) -> Datasource:
    return prometheus.build(
        SourceContext(NO_KUBERNETES, client, HttpClient(), WallClock(), call_timeout=timedelta(seconds=10))
    )


@pytest.fixture
def source_of() -> Callable[[PrometheusClient | None], Datasource]:
    return build


@pytest.fixture
def ask() -> Callable[..., Awaitable[ToolResult]]:
    async def run(source: Datasource, tool: str, **arguments: Json) -> ToolResult:
        return await source.execute(ToolCall("c1", tool, arguments), scope_of("gpu-r01-n01"))

    return run
