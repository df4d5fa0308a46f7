"""Figures of the simulated API server at full size: `python -m sentinel_fleet.kube.bench [nodes] [pods]`.

Server and client share one process and one event loop, so every figure contains the client's share too.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from sentinel_fleet.kube.app import kube_app
from sentinel_fleet.kube.store import ObjectStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sentinel_fleet.kube.jsontypes import JsonObject

_STAMP = "2026-01-01T00:00:00Z"
_TOLERATIONS = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
_CONDITIONS = (
    "Ready",
    "MemoryPressure",
    "DiskPressure",
    "PIDPressure",
    "GpuXid",
    "GpuEcc",
    "GpuNvlink",
    "KernelDeadlock",
)
_EVENTS_PER_S = 1000
_WATCHERS = 10


class _NoLogs:
    """A log source without logs."""

    def kernel_log(self, node: str, until: float) -> list[str]:
        return []

    def unit_log(self, node: str, unit: str, until: float) -> list[str]:
        return []

    def units(self, node: str) -> list[str]:
        return []

    def pod_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        previous: bool,  # noqa: FBT001 - the log API's own flag
        until: float,
    ) -> list[tuple[float, str]] | None:
        return None


class _NoFaults:
    """A world in which everything works."""

    def fault(self, source: str, node: str | None) -> str | None:
        return None


def _node(index: int) -> JsonObject:
    name = f"gpu-r{index // 32:03d}-n{index % 32:02d}"
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/rack": f"r{index // 32:03d}"}
    labels |= {f"feature.node.kubernetes.io/x-{i}": "true" for i in range(20)}
    conditions = [
        {"type": t, "status": "False", "reason": "Ok", "message": "fine", "lastTransitionTime": _STAMP}
        for t in _CONDITIONS
    ]
    metadata = {"name": name, "uid": f"node-{index}", "creationTimestamp": _STAMP, "labels": labels}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}, "status": {"conditions": conditions}}


def _pod(index: int, nodes: int) -> JsonObject:
    node = index % nodes
    metadata = {
        "name": f"agent-{index:06d}",
        "namespace": f"ns-{index // nodes}",
        "uid": f"pod-{index}",
        "creationTimestamp": _STAMP,
        "labels": {"app": f"agent-{index // nodes}"},
    }
    spec = {"nodeName": f"gpu-r{node // 32:03d}-n{node % 32:02d}", "tolerations": _TOLERATIONS}
    spec["containers"] = [{"name": "main", "image": "registry.example/agent:1.2.3", "env": []}]
    status = {"phase": "Running", "podIP": "127.64.0.1", "containerStatuses": [{"name": "main", "ready": True}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def _rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<58} {figure}\n")


@asynccontextmanager
async def _served(store: ObjectStore) -> AsyncIterator[aiohttp.ClientSession]:
    runner = web.AppRunner(kube_app(store, _NoLogs(), _NoFaults(), time.time), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with aiohttp.ClientSession(f"http://{host}:{port}", read_bufsize=2**20) as session:
            yield session
    finally:
        await runner.cleanup()


async def _get(session: aiohttp.ClientSession, path: str, **query: str) -> bytes:
    async with session.get(path, params=query) as response:
        return await response.read()


async def _list_all(session: aiohttp.ClientSession, path: str) -> int:
    token, pages = "", 0
    while True:
        body = await _get(session, path, limit="500", **({"continue": token} if token else {}))
        # The metadata stands before the items: a client need not parse the page to go on.
        token = json.loads(body[body.index(b'"metadata":') + 11 : body.index(b',"items":')]).get("continue", "")
        pages += 1
        if not token:
            return pages


async def _latency(what: str, act: Callable[[], Awaitable[object]], times: int = 200) -> None:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        await act()
        taken.append((time.perf_counter() - start) * 1000)
    taken.sort()
    _say(what, f"{statistics.median(taken):.2f} ms median, {taken[int(times * 0.99) - 1]:.2f} ms p99")


async def _watch_storm(store: ObjectStore, session: aiohttp.ClientSession, seconds: int) -> None:
    """Change nodes at a steady rate under many watches; how long until each watcher has each event."""
    names = [obj["metadata"]["name"] for obj in store.list("nodes")]
    sent: dict[str, float] = {}
    delays: list[float] = []
    total = _EVENTS_PER_S * seconds
    all_open = asyncio.Barrier(_WATCHERS + 1)

    async def watch() -> None:
        query = {"watch": "true", "resourceVersion": str(store.resource_version)}
        async with session.get("/api/v1/nodes", params=query) as response:
            await all_open.wait()
            for _ in range(total):
                event = json.loads(await response.content.readline())
                delays.append(time.perf_counter() - sent[event["object"]["metadata"]["resourceVersion"]])

    async with asyncio.TaskGroup() as group:
        for _ in range(_WATCHERS):
            group.create_task(watch())
        await all_open.wait()
        start = time.perf_counter()
        for number in range(total):
            metadata = {"annotations": {"beat": str(number)}}
            obj = store.patch("nodes", names[number % len(names)], {"metadata": metadata})
            sent[obj["metadata"]["resourceVersion"]] = time.perf_counter()
            if number % 20 == 19:
                await asyncio.sleep(max(0.0, start + number / _EVENTS_PER_S - time.perf_counter()))
    delays.sort()
    took_s = time.perf_counter() - start
    median_ms, p99_ms = delays[len(delays) // 2] * 1000, delays[int(len(delays) * 0.99)] * 1000
    what = f"watch: {total} changes at {_EVENTS_PER_S}/s x {_WATCHERS} watchers"
    _say(what, f"{took_s:.1f} s, delay {median_ms:.1f} ms median, {p99_ms:.1f} ms p99")


async def main(nodes: int, pods: int) -> None:
    """Build, serve, measure, print."""
    start = time.perf_counter()
    store = ObjectStore()
    for index in range(nodes):
        store.put(_node(index))
    for index in range(pods):
        store.put(_pod(index, nodes))
    _say(f"build {nodes} nodes, {pods} pods", f"{time.perf_counter() - start:.2f} s, {_rss_mib():.0f} MiB peak RSS")
    async with _served(store) as session:
        for path in ("/api/v1/nodes", "/api/v1/pods"):
            for state in ("cold", "warm"):
                start = time.perf_counter()
                pages = await _list_all(session, path)
                took_ms = (time.perf_counter() - start) * 1000
                _say(
                    f"list {path} limit=500, {state}", f"{took_ms:.0f} ms, {took_ms / pages:.1f} ms per page of {pages}"
                )
        _say("peak RSS with every object serialised", f"{_rss_mib():.0f} MiB")
        name = store.list("nodes")[nodes // 2]["metadata"]["name"]
        await _latency("get one node", lambda: _get(session, f"/api/v1/nodes/{name}"))
        fields = {"fieldSelector": f"spec.nodeName={name}"}
        await _latency("list pods of one node", lambda: _get(session, "/api/v1/pods", **fields))
        labels = {"labelSelector": "app=agent-3", "limit": "500"}
        await _latency("list pods by label, first page", lambda: _get(session, "/api/v1/pods", **labels), times=20)
        await _watch_storm(store, session, seconds=5)
    _say("peak RSS at the end", f"{_rss_mib():.0f} MiB")


if __name__ == "__main__":
    _arguments = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(_arguments or [5000, 50_000])))
