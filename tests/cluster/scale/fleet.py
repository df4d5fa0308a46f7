"""Many GPU nodes in a real cluster: put into its etcd at once, kept alive by kwok where it runs, changed one by one.

The nodes are as large as GPU nodes get once their images are listed, some 10 KiB, and have as many conditions as those
of the benchmark of the simulated API server, so that the two compare.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.things import condition, gpu_node

from sentinel_fleet.loading.objects import Etcd

_TYPES = (
    "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "GpuXid", "GpuEcc", "GpuNvlink",
    "GpuCount", "GpuThrottle", "KernelDeadlock", "ReadonlyFilesystem", "GcmXidErrorsProblem", "GcmSmiEccProblem",
    "GcmDcgmiDiagProblem", "GcmProcZombieProblem", "FrequentKubeletRestart", "ContainerRuntimeUnhealthy",
)  # fmt: skip
_STRIDE = 7919
"""A prime: as many different nodes as are asked for, all over the fleet."""


async def put_nodes(cluster: Cluster, names: Sequence[str]) -> None:
    """Make ready nodes of these names."""
    async with aiohttp.ClientSession(cluster.etcd_url) as session:
        await Etcd(session).put(map(_node, names))


def node_names(count: int) -> list[str]:
    """The names of a fleet's nodes."""
    return [f"scale-r{index // 32:04d}-n{index % 32:02d}" for index in range(count)]


def chosen(names: Sequence[str], count: int) -> list[str]:
    """Different nodes, all over the fleet."""
    return [names[number * _STRIDE % len(names)] for number in range(count)]


def break_one(cluster: Cluster, name: str) -> float:
    """One GPU of a node breaks now; the moment, in epoch seconds, right before the request."""
    broken = condition("GpuXid", "True", "Xid79", "fallen off the bus", since=_now())
    begun = time.time()
    cluster.admin.patch(f"/api/v1/nodes/{name}/status", {"status": {"conditions": [broken]}}, manager="npd")
    return begun


def _node(name: str) -> Object:
    now = _now()
    well = [condition(kind, "False", "Fine", "fine") for kind in _TYPES]
    made = gpu_node(name, condition("Ready", "True", "KubeletReady", since=now), *well)
    made["metadata"] |= {"uid": str(uuid4()), "creationTimestamp": now}
    made["metadata"]["labels"] |= {f"feature.node.kubernetes.io/x-{number}": "true" for number in range(40)}
    made["metadata"]["labels"] |= {"topology.kubernetes.io/rack": name.rpartition("-")[0]}
    images = [f"registry.example/team-{number}/image@sha256:{number:064x}" for number in range(50)]
    made["status"]["images"] = [{"names": [image], "sizeBytes": 1} for image in images]
    return made


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
