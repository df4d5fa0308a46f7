"""Exporters for the tests: a served simulated node, and a hand-written API server and exporter for odd cases."""

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
from gcm_sentinel.datasources import dcgm, node_exporter
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Datasource, Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from sentinel_fleet.scenario import load
from sentinel_fleet.serve import serve

NODE = "gpu-r03-n05"
SCENARIO = """
schema: gcm-sentinel/scenario/v1
id: one-node
title: One node's exporters
section: A
draw:
  node: {node: {}}
  exporter: {daemonset_pod: {of: nvidia-dcgm-exporter, on: node}}
fleet: {racks: 1, nodes_per_rack: 2}
facts:
  - alert: {name: GpuTrouble, node: "${node}", at: 0s}
variants:
  crashing:
    facts:
      - pod:
          name: ${exporter}
          namespace: ${exporter.namespace}
          at: -25m
          containers: [{name: "${exporter.container}", state: waiting, reason: CrashLoopBackOff}]
trigger: {node: "${node}", alert: GpuTrouble}
expect:
  fault_class: [gpu_off_bus]
  severity: [critical]
  entities: [{kind: node, node: "${node}"}]
  actions: {required: [], forbidden: []}
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


Call = Callable[..., Awaitable[ToolResult]]


def build(kubernetes: KubernetesClient, http: HttpClient) -> list[Datasource]:
    context = SourceContext(kubernetes, None, http, WallClock(), call_timeout=timedelta(seconds=4))
    return [dcgm.build(context), node_exporter.build(context)]


def caller(sources: list[Datasource], node: str) -> Call:
    async def call(tool: str, **arguments: Json) -> ToolResult:
        source = next((s for s in sources if tool in {spec.name for spec in s.get_tools()}), sources[0])
        return await source.execute(ToolCall("c1", tool, arguments), scope_of(node))

    return call


@dataclass(frozen=True)
class Served:
    """A simulated node and the tools on it."""

    node: str
    call: Call


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    async with AsyncExitStack() as stack:

        async def start(variant: str | None = None) -> Served:
            folder = tmp_path / "one-node"
            folder.mkdir(exist_ok=True)
            (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
            world = load(folder / "scenario.yaml").realise(seed=7, anchor=time.time(), variant=variant)
            fleet = await stack.enter_async_context(serve(world))
            kubernetes = await KubernetesClient.connect(kubeconfig=fleet.kubeconfig)
            stack.push_async_callback(kubernetes.aclose)
            http = HttpClient()
            stack.push_async_callback(http.aclose)
            return Served(world.trigger.node, caller(build(kubernetes, http), world.trigger.node))

        yield start


@dataclass
class Upstream:
    """A pod list and an exporter page in one server."""

    url: str = ""
    port: int = 0
    pods: list[dict[str, object]] = field(default_factory=list)
    page: str = ""
    status: int = 200
    pods_status: int = 200

    def add_pod(
        self, name: str, labels: dict[str, str], *, node: str = NODE, phase: str = "Running", port: int | None = None
    ) -> None:
        ports = [{"name": "metrics", "containerPort": port or self.port}] if port != 0 else []
        self.pods.append({
            "metadata": {"name": name, "namespace": "gpu-operator", "labels": labels},
            "spec": {"nodeName": node, "containers": [{"name": "main", "ports": ports}]},
            "status": {"phase": phase, "podIP": "127.0.0.1"},
        })  # fmt: skip

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/metrics":
            return web.Response(status=self.status, text=self.page)
        if self.pods_status != 200:
            return web.json_response({"kind": "Status", "message": "pods is forbidden"}, status=self.pods_status)
        node = request.query.get("fieldSelector", "").removeprefix("spec.nodeName=")
        key, _, value = request.query.get("labelSelector", "").partition("=")
        found = [pod for pod in self.pods if _matches(pod, node, key, value)]
        body = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": found}
        return web.Response(text=json.dumps(body), content_type="application/json")


def _matches(pod: dict[str, object], node: str, key: str, value: str) -> bool:
    text = json.dumps(pod)
    return f'"nodeName": "{node}"' in text and f'"{key}": "{value}"' in text


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    seen = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", seen.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    seen.port = runner.addresses[0][1]
    seen.url = f"http://127.0.0.1:{seen.port}"
    yield seen
    await runner.cleanup()


@pytest.fixture
def call(sources: list[Datasource]) -> Call:
    return caller(sources, NODE)


@pytest.fixture
async def sources(upstream: Upstream, tmp_path: Path) -> AsyncIterator[list[Datasource]]:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": upstream.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    kubernetes = await KubernetesClient.connect(kubeconfig=path, timeout=timedelta(seconds=2))
    http = HttpClient(timedelta(seconds=2))
    yield build(kubernetes, http)
    await kubernetes.aclose()
    await http.aclose()
