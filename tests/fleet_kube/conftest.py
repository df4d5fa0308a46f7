"""A served cluster on a free loopback port, small enough to read, and a client that speaks raw HTTP to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sentinel_fleet.kube import KubeSettings, ObjectStore, Rules, kube_app

NOW = 1_800_000_000.0
"""The clock of every test, in epoch seconds: 2027-01-15T08:00:00Z."""


@dataclass
class FakeLogs:
    """Logs by name; what is not there never ran."""

    pods: dict[tuple[str, bool], list[tuple[float, str]]] = field(default_factory=dict)
    kernel: dict[str, list[str]] = field(default_factory=dict)
    journals: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def kernel_log(self, node: str, until: float) -> list[str]:
        return self.kernel.get(node, [])

    def unit_log(self, node: str, unit: str, until: float) -> list[str]:
        return self.journals.get((node, unit), [])

    def units(self, node: str) -> list[str]:
        return [unit for owner, unit in self.journals if owner == node]

    def pod_log(
        self, namespace: str, pod: str, container: str, previous: bool, until: float
    ) -> list[tuple[float, str]] | None:
        return self.pods.get((f"{namespace}/{pod}/{container}", previous))


@dataclass
class FakeFaults:
    """Faults by (source, node); everything else works."""

    broken: dict[tuple[str, str | None], str] = field(default_factory=dict)

    def fault(self, source: str, node: str | None) -> str | None:
        return self.broken.get((source, node))


@dataclass
class Answer:
    """What the server said."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.json["items"]]


class Api:
    """A running API server and a raw client of it."""

    def __init__(self, store: ObjectStore, logs: FakeLogs, faults: FakeFaults, session: aiohttp.ClientSession) -> None:
        self.store, self.logs, self.faults, self.session = store, logs, faults, session
        self.url = str(session._base_url).rstrip("/")

    async def call(self, method: str, path: str, body: object = None, **options: Any) -> Answer:
        data = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
        headers = {"Content-Type": options.pop("type", "application/json"), **options.pop("headers", {})}
        async with self.session.request(method, path, data=data, headers=headers, params=options) as response:
            return Answer(response.status, await response.text(), dict(response.headers))

    async def get(self, path: str, **query: Any) -> Answer:
        return await self.call("GET", path, **query)

    async def post(self, path: str, body: object, **query: Any) -> Answer:
        return await self.call("POST", path, body, **query)

    async def patch(self, path: str, body: object, type: str = "merge", **query: Any) -> Answer:  # noqa: A002 - the header's name
        kinds = {"json": "json-patch+json", "merge": "merge-patch+json", "strategic": "strategic-merge-patch+json"}
        media = "application/" + kinds.get(type, "apply-patch+yaml")
        return await self.call("PATCH", path, body, type=media, **query)

    @asynccontextmanager
    async def watch(self, path: str, **query: Any) -> AsyncIterator[Watch]:
        async with self.session.get(path, params={"watch": "true", **query}) as response:
            yield Watch(response)


class Watch:
    """An open watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self._content = response.content

    async def next(self) -> Any:
        """The next event; None when the stream has ended."""
        async with asyncio.timeout(5):
            line = await self._content.readline()
        return json.loads(line) if line else None

    async def seen(self, count: int) -> list[tuple[str, str]]:
        """Type and name of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def node(name: str, **labels: str) -> dict[str, Any]:
    """A healthy node."""
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": "2027-01-01T00:00:00Z"}
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}, "status": {"conditions": [ready]}}


def pod(name: str, node: str = "gpu-1", namespace: str = "team-a", app: str = "web", **more: Any) -> dict[str, Any]:
    """A running, ready pod."""
    spec = {"nodeName": node, "terminationGracePeriodSeconds": 30, "containers": [{"name": "main", "image": "web:1"}]}
    image = {"image": "web:1", "imageID": "sha256:0"}
    containers = [{"name": "main", "ready": True, "restartCount": 0, "state": {"running": {}}, **image}]
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": containers}
    metadata = {"name": name, "namespace": namespace, "labels": {"app": app}, **more}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


@pytest.fixture
def make_node() -> Any:
    return node


@pytest.fixture
def make_pod() -> Any:
    return pod


@pytest.fixture
def store() -> ObjectStore:
    """A cluster of three nodes, one team namespace and one pod on each node."""
    store = ObjectStore(clock=lambda: NOW)
    store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}, "status": {"phase": "Active"}})
    for number in (1, 2, 3):
        store.put(node(f"gpu-{number}", rack="a" if number < 3 else "b"))
        store.put(pod(f"web-{number}", f"gpu-{number}"))
    return store


@pytest.fixture
def logs() -> FakeLogs:
    return FakeLogs()


@pytest.fixture
def faults() -> FakeFaults:
    return FakeFaults()


@pytest.fixture
def settings() -> KubeSettings:
    """Quick enough for tests; overridden by tests that look at one of these times."""
    return KubeSettings(pod_grace_s=0.05, bookmark_interval_s=0.05)


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
async def api(
    store: ObjectStore, logs: FakeLogs, faults: FakeFaults, settings: KubeSettings, rules: Rules
) -> AsyncIterator[Api]:
    """The cluster, served."""
    app = kube_app(store, logs, faults, lambda: NOW, rules, settings)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}", headers={"User-Agent": "tester/1.0"}) as session:
        yield Api(store, logs, faults, session)
    await runner.cleanup()
