"""An API server with a large fleet, as a process of its own: what the watching benchmark watches.

`python -m gcm_sentinel.evals.bench.watched_fleet KUBECONFIG NODES CHANGES PER_SECOND STORM`. Says ``ready`` when it
serves; waits for a line on its standard input; then changes CHANGES nodes one by one, in the midst of the heartbeats
of all, and at last STORM nodes at once. Each changed condition's message is the moment it changed, by the clock that
all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from sentinel_fleet.kube import ObjectStore, kube_app, write_kubeconfig

_STAMP = "2026-01-01T00:00:00Z"
_TYPES = (
    "Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "GpuXid", "GpuEcc", "GpuNvlink",
    "GpuCount", "GpuThrottle", "KernelDeadlock", "ReadonlyFilesystem", "GcmXidErrorsProblem", "GcmSmiEccProblem",
    "GcmDcgmiDiagProblem", "GcmProcZombieProblem", "FrequentKubeletRestart", "ContainerRuntimeUnhealthy",
)  # fmt: skip
_IMAGES = [{"names": [f"registry.example/team-{n}/image@sha256:{n:064x}"], "sizeBytes": n} for n in range(50)]
_STRIDE = 7919
"""A prime: as many different nodes as are asked for, all over the fleet."""
_HEARTBEAT_S = 300.0
"""How often a kubelet reports a node on which nothing changes."""


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


def _node(index: int) -> dict[str, Any]:
    """A node of about 10 KiB, as GPU nodes are once their images are listed."""
    name = _name(index)
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/rack": f"r{index // 32:04d}"}
    labels |= {f"feature.node.kubernetes.io/x-{n}": "true" for n in range(40)}
    conditions = [_condition(type_, "True" if type_ == "Ready" else "False", _STAMP, "fine") for type_ in _TYPES]
    metadata = {"name": name, "uid": f"uid-{index:06d}", "creationTimestamp": _STAMP, "labels": labels}
    status = {"conditions": conditions, "images": _IMAGES}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}, "status": status}


def _name(index: int) -> str:
    return f"gpu-r{index // 32:04d}-n{index % 32:02d}"


def _condition(type_: str, status: str, at: str, message: str) -> dict[str, str]:
    return {"type": type_, "status": status, "reason": "Bench", "message": message, "lastTransitionTime": at}


def _change(store: ObjectStore, index: int) -> None:
    """One GPU of one node breaks now."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    broken = _condition("GpuXid", "True", at, repr(time.monotonic()))
    store.patch("nodes", _name(index), {"status": {"conditions": [broken]}})


async def _heartbeats(store: ObjectStore, nodes: int) -> None:
    """Every node reports once in five minutes."""
    for beat in range(2**62):
        store.patch("nodes", _name(beat % nodes), {"metadata": {"annotations": {"beat": str(beat)}}})
        await asyncio.sleep(_HEARTBEAT_S / nodes)


async def main(kubeconfig: Path, nodes: int, changes: int, per_second: float, storm: int) -> None:
    """Serve, wait for the word, change."""
    store = ObjectStore()
    for index in range(nodes):
        store.put(_node(index))
    runner = web.AppRunner(kube_app(store, _NoLogs(), _NoFaults(), time.time), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    write_kubeconfig(f"http://{host}:{port}", kubeconfig)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(_heartbeats(store, nodes))
        chosen = [number * _STRIDE % nodes for number in range(changes + storm)]
        for index in chosen[:changes]:
            _change(store, index)
            await asyncio.sleep(1 / per_second)
        for index in chosen[changes:]:
            _change(store, index)
        await asyncio.to_thread(sys.stdin.readline)  # until the other side has everything
        beating.cancel()
    await runner.cleanup()


if __name__ == "__main__":
    _path, *_rest = sys.argv[1:]
    asyncio.run(main(Path(_path), int(_rest[0]), int(_rest[1]), float(_rest[2]), int(_rest[3])))
