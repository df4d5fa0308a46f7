"""A simulated API server, a watcher connected to it over HTTP, and a way to wait for what it tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from gcm_sentinel.clients.kubernetes import KubernetesClient, WatchTimes
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.watch.kubernetes import NodeConditionWatcher
from gcm_sentinel.watch.pace import Pace
from sentinel_fleet.kube import Deny, KubeSettings, ObjectStore, Rules, kube_app, write_kubeconfig

DEADLINE_S = 10.0
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


@asynccontextmanager
async def open_cluster(tmp_path: Path, settings: KubeSettings) -> AsyncIterator[Cluster]:
    """A cluster and its API server, served from this process."""
    store, faults, denied = ObjectStore(), Faults(), list[Deny]()
    app = kube_app(store, NoLogs(), faults, time.time, LiveRules(live=denied), settings)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        yield Cluster(store, faults, write_kubeconfig(url, tmp_path / "kubeconfig"), denied)


@pytest.fixture
async def cluster(tmp_path: Path, plain_settings: KubeSettings) -> AsyncIterator[Cluster]:
    async with open_cluster(tmp_path, plain_settings) as made:
        yield made


@pytest.fixture
async def expiring_cluster(tmp_path: Path, settings: KubeSettings) -> AsyncIterator[Cluster]:
    """Each way in which servers say that a version is gone."""
    async with open_cluster(tmp_path, settings) as made:
        yield made


async def until(condition: Callable[[], bool], *, within_s: float = DEADLINE_S) -> None:
    """Wait for a condition; it is looked at every few milliseconds."""
    ticks = asyncio.Event()
    async with asyncio.timeout(within_s):
        while not condition():
            with suppress(TimeoutError):
                await asyncio.wait_for(ticks.wait(), 0.003)


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., object]:
    return until


class Told:
    """What a running watcher has told so far."""

    def __init__(self, watcher: NodeConditionWatcher) -> None:
        self.watcher = watcher
        self.triggers: list[Trigger] = []
        self.task: asyncio.Task[None] = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        async for trigger in self.watcher.triggers():
            self.triggers.append(trigger)

    @property
    def lines(self) -> list[str]:
        return [f"{trigger.node} {trigger.kind} {trigger.status}" for trigger in self.triggers]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        await until(condition)

    async def following(self, cluster: Cluster) -> None:
        """Wait until everything was listed and changes are followed."""
        await self.until(lambda: self.watcher.synced and cluster.store.open_watches == 1)

    async def count(self, number: int) -> list[str]:
        await self.until(lambda: len(self.triggers) >= number)
        return self.lines


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., object]]:
    """A watcher that nobody runs yet: `watcher = await connect(cluster, known=..., watch_times=...)`."""
    clients: list[KubernetesClient] = []

    async def make(cluster: Cluster, *, watch_times: WatchTimes | None = None, **choices) -> NodeConditionWatcher:
        timeout = timedelta(seconds=1)
        client = await KubernetesClient.connect(kubeconfig=cluster.kubeconfig, timeout=timeout, watch_times=watch_times)
        clients.append(client)
        return NodeConditionWatcher(client, clock=FixedClock(), pace=QUICK, **choices)

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def start(connect) -> AsyncIterator[Callable[..., object]]:
    """Start a watcher on a cluster: `told = await start(cluster, allowlist=...)`."""
    running: list[Told] = []

    async def begin(cluster: Cluster, **choices) -> Told:
        told = Told(await connect(cluster, **choices))
        running.append(told)
        return told

    yield begin
    for told in running:
        told.task.cancel()
        with suppress(asyncio.CancelledError):
            await told.task
