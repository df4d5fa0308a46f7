"""Kernel logs for the tests: a served simulated node, and a hand-written kubelet and Loki for what goes wrong."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.datasources import kernel_log
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Datasource, Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from sentinel_fleet.scenario import load
from sentinel_fleet.serve import Fleet, serve

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
NODE = "gpu-r03-n05"


@dataclass
class FixedClock:
    """A clock that stands, or follows the wall."""

    at: datetime | None = None

    def now(self) -> datetime:
        return self.at or datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def scope_of(node: str) -> Scope:
    trigger = Trigger("manual", node, "GpuXid", TriggerStatus.PROBLEM, "", "", NOW)
    return Scope(Incident("i1", (trigger,), NOW))


@dataclass
class Upstream:
    """An API server's log endpoint and a Loki in one: path -> (status, text), and what was asked."""

    url: str = ""
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def kern_log(self, *lines: str, name: str = "kern.log") -> None:
        self.answers[f"/api/v1/nodes/{NODE}/proxy/logs/{name}"] = (200, "\n".join(lines) + "\n")

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(str(request.rel_url))
        status, text = self.answers.get(request.path, (404, json.dumps({"kind": "Status", "message": "not found"})))
        return web.Response(status=status, text=text)


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


def kubeconfig(path: Path, url: str) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


Read = Callable[..., Awaitable[ToolResult]]


@pytest.fixture
async def read(upstream, tmp_path) -> AsyncIterator[Read]:
    """Call a tool of the source against the hand-written upstream; ``loki=True`` also sets the Loki URL."""
    async with AsyncExitStack() as stack:
        kubernetes = await KubernetesClient.connect(
            kubeconfig=kubeconfig(tmp_path / "config", upstream.url), timeout=timedelta(seconds=2)
        )
        stack.push_async_callback(kubernetes.aclose)
        http = HttpClient(timedelta(seconds=2))
        stack.push_async_callback(http.aclose)

        async def call(tool: str, *, loki: bool = False, **arguments: Json) -> ToolResult:
            url = upstream.url if loki else ""
            source = kernel_log.build(SourceContext(kubernetes, None, http, FixedClock(NOW), loki_url=url))
            return await source.execute(ToolCall("c1", tool, arguments), scope_of(NODE))

        yield call


SCENARIO = """
schema: gcm-sentinel/scenario/v1
id: one-gpu
title: A GPU falls off the bus
section: A
draw:
  node: {node: {}}
  gpu: {gpu: {of: node}}
fleet: {racks: 1, nodes_per_rack: 2}
facts:
  - kernel:
      node: ${node}
      at: -2m
      lines:
        - "pcieport ${gpu.port}: AER: Corrected error received: ${gpu.pci}.0"
        - "NVRM: Xid (PCI:${gpu.pci}): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."
        - "NVRM: Xid (PCI:${gpu.pci}): 45, pid=411, name=python3, Ch 00000008"
  - condition: {node: "${node}", at: 0s, type: GpuCount, status: "True", reason: GpuCountBad, message: "7/8"}
variants:
  forbidden:
    without_source: [kernel_log]
trigger: {node: "${node}", condition: GpuCount}
expect:
  fault_class: [gpu_off_bus]
  severity: [critical]
  entities: [{kind: node, node: "${node}"}]
  actions: {required: [], forbidden: []}
"""


@dataclass(frozen=True)
class Served:
    """A simulated fleet and the source's tools on it."""

    fleet: Fleet
    node: str
    pci: str
    call: Read
    source: Datasource


@pytest.fixture
async def served(tmp_path) -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    """Serve the scenario and read from it as the agent does."""
    async with AsyncExitStack() as stack:

        async def start(variant: str | None = None) -> Served:
            folder = tmp_path / "one-gpu"
            folder.mkdir(exist_ok=True)
            (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
            world = load(folder / "scenario.yaml").realise(seed=5, anchor=time.time(), variant=variant)
            fleet = await stack.enter_async_context(serve(world))
            kubernetes = await KubernetesClient.connect(kubeconfig=fleet.kubeconfig)
            stack.push_async_callback(kubernetes.aclose)
            http = HttpClient()
            stack.push_async_callback(http.aclose)
            source = kernel_log.build(SourceContext(kubernetes, None, http, FixedClock()))

            async def call(tool: str, **arguments: Json) -> ToolResult:
                return await source.execute(ToolCall("c1", tool, arguments), scope_of(world.trigger.node))

            return Served(fleet, world.trigger.node, world.fleet.pci[int(str(world.names["gpu"]))], call, source)

        yield start
