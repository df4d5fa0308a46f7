"""A simulated API server, a watcher connected to it over HTTP, and a way to wait for what it tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.watch.kubernetes import NodeConditionWatcher, Pace
from sentinel_fleet.kube import Deny, KubeSettings, ObjectStore, Rules, kube_app, write_kubeconfig

DEADLINE_S = 5.0
QUICK = Pace(first=timedelta(milliseconds=2), longest=timedelta(milliseconds=20))


class NoLogs:
    """A cluster without any log."""

    def kernel_log(self, node: str, until: float) -> list[str]:
        return []

    def unit_log(self, node: str, unit: str, until: float) -> list[str]:
        return []

    def units(self, node: str) -> tuple[str, ...]:
        return ()

    def pod_log(
        self, namespace: str, pod: str, container: str, previous: bool, until: float
    ) -> list[tuple[float, str]] | None:
        return None


@dataclass
class Faults:
    """The one fault of the API server, None while it is well."""

    kubernetes: str | None = None

    def fault(self, source: str, node: str | None) -> str | None:
        return self.kubernetes if source == "kubernetes" else None


class FixedClock:
    """Wall time stands still, so that triggers compare equal."""

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 20, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@dataclass
class Cluster:
    """The API server's inside."""

    store: ObjectStore
    faults: Faults
    kubeconfig: Path
    denied: list[Deny]

    def node(self, name: str, *conditions: tuple[str, str, str]) -> None:
        """Create or replace a node's conditions: (type, status, transition)."""
        entries = [
            {"type": type_, "status": status, "lastTransitionTime": at, "reason": "R", "message": "M"}
            for type_, status, at in conditions
        ]
        old = self.store.get("nodes", name)
        metadata = {"name": name} | ({"uid": old["metadata"]["uid"]} if old else {})
        self.store.put({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"conditions": entries}})


@dataclass(frozen=True)
class LiveRules(Rules):
    """Rules that a test may change while the server runs."""

    live: list[Deny] = field(default_factory=list)

    def allows(self, asked) -> bool:
        return not any(rule.covers(asked) for rule in self.live)


@pytest.fixture(params=[True, False], ids=["410-as-status", "410-as-event"])
def settings(request) -> KubeSettings:
    return KubeSettings(bookmark_interval_s=0.05, expired_watch_as_status=request.param)


@pytest.fixture
def plain_settings() -> KubeSettings:
    return KubeSettings(bookmark_interval_s=0.05)


async def _cluster(tmp_path: Path, settings: KubeSettings) -> AsyncIterator[Cluster]:
    store, faults, denied = ObjectStore(), Faults(), list[Deny]()
    app = kube_app(store, NoLogs(), faults, time.time, LiveRules(live=denied), settings)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        yield Cluster(store, faults, write_kubeconfig(url, tmp_path / "kubeconfig"), denied)


@pytest.fixture
async def cluster(tmp_path: Path, plain_settings: KubeSettings) -> AsyncIterator[Cluster]:
    async for made in _cluster(tmp_path, plain_settings):
        yield made


@pytest.fixture
async def expiring_cluster(tmp_path: Path, settings: KubeSettings) -> AsyncIterator[Cluster]:
    """Each way in which servers say that a version is gone."""
    async for made in _cluster(tmp_path, settings):
        yield made


class Told:
    """What a running watcher has told so far."""

    def __init__(self, watcher: NodeConditionWatcher) -> None:
        self.watcher = watcher
        self.triggers: list[Trigger] = []
        self._more = asyncio.Event()
        self.task: asyncio.Task[None] = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        async for trigger in self.watcher.triggers():
            self.triggers.append(trigger)
            self._more.set()

    @property
    def lines(self) -> list[str]:
        return [f"{trigger.node} {trigger.kind} {trigger.status}" for trigger in self.triggers]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; it is looked at every few milliseconds."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._more.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._more.wait(), 0.005)

    async def count(self, number: int) -> list[str]:
        await self.until(lambda: len(self.triggers) >= number)
        return self.lines


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., object]]:
    """Start a watcher on a cluster: `told = await start(cluster, allowlist=...)`."""
    running: list[tuple[Told, KubernetesClient]] = []

    async def begin(cluster: Cluster, allowlist: tuple[str, ...] = ()) -> Told:
        client = await KubernetesClient.connect(kubeconfig=cluster.kubeconfig, timeout=timedelta(seconds=2))
        watcher = NodeConditionWatcher(client, clock=FixedClock(), pace=QUICK, allowlist=allowlist)
        told = Told(watcher)
        running.append((told, client))
        return told

    yield begin
    for told, client in running:
        told.task.cancel()
        with suppress(asyncio.CancelledError):
            await told.task
        await client.aclose()
