"""A simulated API server, a scripted Prometheus, and a way to put a question to a data source over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.prometheus import PrometheusClient
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from sentinel_fleet.kube import Deny, ObjectStore, Rules, kube_app, write_kubeconfig

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
Object = dict[str, Any]


class FixedClock:
    """It is always eight in the evening; the other clock moves when told."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.passed_s


@dataclass
class Logs:
    """Container logs by (namespace/pod, container, previous)."""

    pods: dict[tuple[str, str, bool], list[str]] = field(default_factory=dict)

    def kernel_log(self, node: str, until: float) -> list[str]:
        return []

    def unit_log(self, node: str, unit: str, until: float) -> list[str]:
        return []

    def units(self, node: str) -> tuple[str, ...]:
        return ()

    def pod_log(
        self, namespace: str, pod: str, container: str, previous: bool, until: float
    ) -> list[tuple[float, str]] | None:
        lines = self.pods.get((f"{namespace}/{pod}", container, previous))
        begin = (NOW - timedelta(minutes=10)).timestamp()
        return None if lines is None else [(begin + number, line) for number, line in enumerate(lines)]


@dataclass
class Faults:
    """Source -> how it fails."""

    broken: dict[str, str] = field(default_factory=dict)

    def fault(self, source: str, node: str | None) -> str | None:
        return self.broken.get(source)


@dataclass(frozen=True)
class LiveRules(Rules):
    """Rules that a test may change while the server runs."""

    live: list[Deny] = field(default_factory=list)

    def allows(self, asked) -> bool:
        return not any(rule.covers(asked) for rule in self.live)


@dataclass
class Prometheus:
    """Answers instant queries by the first entry whose words all stand in the query."""

    answers: list[tuple[tuple[str, ...], list[tuple[dict[str, str], float]]]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    broken: bool = False

    def says(self, *words: str, series: list[tuple[dict[str, str], float]]) -> None:
        self.answers.append((words, series))

    async def answer(self, request: web.Request) -> web.Response:
        query = request.query.get("query") or dict(await request.post()).get("query", "")
        self.queries.append(str(query))
        if self.broken:
            return web.Response(status=503, text="down")
        found = next((series for words, series in self.answers if all(word in str(query) for word in words)), [])
        result = [{"metric": labels, "value": [NOW.timestamp(), str(value)]} for labels, value in found]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


@dataclass
class Cluster:
    """The cluster's inside, with short ways to fill it."""

    store: ObjectStore
    logs: Logs
    faults: Faults
    denied: list[Deny]
    prometheus: Prometheus
    clock: FixedClock
    context: SourceContext

    def node(self, name: str, *conditions: Object, manager: str = "", **parts: Any) -> Object:
        """Create or replace a node: `labels`, `annotations`, `spec`, `status`."""
        kept = {"uid": f"uid-{name}", "creationTimestamp": "2026-11-01T00:00:00Z"}
        old = self.store.get("nodes", name)
        body = old or {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, **kept}, "spec": {}, "status": {}}
        metadata = {**body["metadata"]}
        for part in ("labels", "annotations"):
            metadata[part] = {**metadata.get(part, {}), **parts.get(part, {})}
        status = {**body["status"], **parts.get("status", {})}
        if conditions:
            status["conditions"] = list(conditions)
        spec = {**body["spec"], **parts.get("spec", {})}
        return self.store.put({**body, "metadata": metadata, "spec": spec, "status": status}, manager=manager)

    def pod(self, full_name: str, node: str | None, gpus: int = 0, **parts: Any) -> Object:
        """Create a pod: `phase`, `labels`, `owner` (kind, name), `status`, `containers`, `resource`."""
        namespace, name = full_name.split("/")
        limits = {parts.get("resource", "nvidia.com/gpu"): str(gpus)} if gpus else {}
        container = {
            "name": "main",
            "image": "img:1",
            "resources": {"limits": limits},
            "env": [{"name": "TOKEN", "value": "s3cret"}],
        }
        kind, owner = parts.get("owner", ("", ""))
        reference = {
            "apiVersion": parts.get("owner_api", "batch/v1"),
            "kind": kind,
            "name": owner,
            "uid": f"uid-{owner}",
        }
        metadata: Object = {"name": name, "namespace": namespace, "labels": parts.get("labels", {})}
        if owner:
            metadata["ownerReferences"] = [{**reference, "controller": True}]
        state = {
            "name": "main",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": "2026-11-20T10:00:00Z"}},
        }
        status = {"phase": parts.get("phase", "Running"), "containerStatuses": [state], **parts.get("status", {})}
        spec: Object = {"containers": parts.get("containers", [container])} | ({"nodeName": node} if node else {})
        return self.store.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})

    def event(self, kind: str, about: str, reason: str, **fields: Any) -> None:
        """Create an Event about ``name`` or ``namespace/name``."""
        namespace, _, name = about.rpartition("/")
        number = len(self.store.list("events"))
        involved = {"kind": kind, "name": name, **({"namespace": namespace} if namespace else {})}
        self.store.put(
            {
                "apiVersion": "v1", "kind": "Event",
                "metadata": {"name": f"e{number}", "namespace": namespace or "default"},
                "involvedObject": involved, "reason": reason, "type": "Warning", "message": f"{reason} happened",
                "lastTimestamp": "2026-11-20T19:00:00Z", "source": {"component": "kubelet"}, **fields,
            }
        )  # fmt: skip

    def daemonset(
        self, full_name: str, *, desired: int, ready: int, image: str = "img:1", manager: str = "helm"
    ) -> None:
        """Create a DaemonSet whose pods carry the label app=<name>."""
        namespace, name = full_name.split("/")
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]}}
        self.store.put(
            {
                "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": namespace},
                "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
                "status": {
                    "desiredNumberScheduled": desired, "numberReady": ready, "updatedNumberScheduled": desired,
                    "numberUnavailable": desired - ready,
                },
            },
            manager=manager,
        )  # fmt: skip


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    store, logs, faults, denied, prometheus = ObjectStore(), Logs(), Faults(), list[Deny](), Prometheus()
    kube = kube_app(store, logs, faults, time.time, LiveRules(live=denied))
    metrics = web.Application()
    metrics.router.add_route("*", "/api/v1/query", prometheus.answer)
    async with AsyncExitStack() as stack:
        kube_server = await stack.enter_async_context(TestServer(kube))
        metrics_server = await stack.enter_async_context(TestServer(metrics))
        config = write_kubeconfig(str(kube_server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")
        client = await KubernetesClient.connect(kubeconfig=config, timeout=timedelta(seconds=5))
        stack.push_async_callback(client.aclose)
        http = HttpClient(timedelta(seconds=2))
        stack.push_async_callback(http.aclose)
        prom = PrometheusClient(str(metrics_server.make_url("")).rstrip("/"), retry_for=timedelta(milliseconds=50))
        clock = FixedClock()
        context = SourceContext(client, prom, http, clock, watch_conditions=DEFAULT_WATCH_CONDITIONS)
        yield Cluster(store, logs, faults, denied, prometheus, clock, context)


def condition(type_: str, status: str, at: str = "2026-11-20T19:00:00Z", **fields: Any) -> Object:
    return {"type": type_, "status": status, "lastTransitionTime": at, "reason": "R", "message": "words", **fields}


@pytest.fixture
def bad() -> Callable[..., Object]:
    """A node condition: `bad(type, status="True", at=..., message=...)`."""

    def make(type_: str, status: str = "True", at: str = "2026-11-20T19:00:00Z", **fields: Any) -> Object:
        return condition(type_, status, at, **fields)

    return make


def scope(node: str, kind: str) -> Scope:
    trigger = Trigger("kubernetes", node, kind, TriggerStatus.PROBLEM, "R", "M", NOW)
    return Scope(Incident("i1", (trigger,), NOW))


@pytest.fixture
def about() -> Callable[[str, str], Scope]:
    """The scope of an investigation: `about(node, condition)`."""
    return scope


@pytest.fixture
def ask(cluster: Cluster) -> Callable[..., Any]:
    """Put one question: `await ask(module, tool, node="gpu-1", kind="GpuXid", **arguments)`."""

    async def put(module: Any, tool: str, node: str = "gpu-1", kind: str = "GpuXid", **arguments: Any) -> ToolResult:
        source = module.build(arguments.pop("context", cluster.context))
        result: ToolResult = await source.execute(ToolCall("c1", tool, arguments), scope(node, kind))
        assert json.loads(json.dumps(result.summary)) == result.summary
        return result

    return put


@pytest.fixture
def without_prometheus(cluster: Cluster) -> SourceContext:
    return replace(cluster.context, prometheus=None)
