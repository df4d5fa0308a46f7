"""A simulated API server with two GPU nodes, tools that look at it, and hands behind the mode's guard."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from tests.cluster_sources.conftest import Faults, Logs

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Plan, RemediationTool
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.remediation.hands import ExactHands
from gcm_sentinel.tools.context import ToolContext
from sentinel_fleet.kube import KubeSettings, ObjectStore, Rules, kube_app, write_kubeconfig

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
NODE = "gpu-node-1"
SWIFT = KubeSettings(pod_grace_s=0.0)
"""Evicted pods are gone at once."""


class FixedClock:
    """It is always eight in the evening."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@dataclass
class Place:
    """One cluster, and an agent that acts in it."""

    store: ObjectStore
    client: KubernetesClient
    mode: Mode = Mode.EXECUTE
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    """What happens during each pause."""

    @property
    def context(self) -> ToolContext:
        return ToolContext(self.client, FixedClock())

    def node(self, name: str = NODE) -> dict[str, Any]:
        found = self.store.get("nodes", name)
        assert found is not None
        return found

    def put_node(self, name: str, *, manager: str = "kubelet", **parts: Any) -> None:
        metadata = {"name": name, "uid": parts.get("uid", f"uid-{name}"), "labels": parts.get("labels", {})}
        metadata["annotations"] = parts.get("annotations", {})
        status = {"capacity": {"nvidia.com/gpu": "8"}, "conditions": [{"type": "Ready", "status": "True"}]}
        spec = parts.get("spec", {})
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status}
        self.store.put(node, manager=manager)

    def put_pod(self, name: str, *, node: str = NODE, **parts: Any) -> dict[str, Any]:
        """A running pod of ReplicaSet web, unless `parts` say otherwise."""
        namespace, _, short = name.rpartition("/")
        owner = parts.get("owner", ("ReplicaSet", "web"))
        owners = [{"kind": owner[0], "name": owner[1], "uid": f"uid-{owner[1]}", "controller": True}] if owner else []
        metadata = {"name": short, "namespace": namespace or "ml", "uid": parts.get("uid", f"uid-{short}")}
        metadata |= {"labels": parts.get("labels", {}), "annotations": parts.get("annotations", {})}
        metadata |= {"ownerReferences": owners, "finalizers": parts.get("finalizers", [])}
        limits = {"nvidia.com/gpu": str(parts["gpus"])} if "gpus" in parts else {}
        spec = {"nodeName": node, "containers": [{"name": "main", "resources": {"limits": limits}}]}
        spec |= parts.get("spec", {})
        status = {"phase": parts.get("phase", "Running"), "conditions": [{"type": "Ready", "status": "True"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
        return dict(self.store.put(pod, manager="kube-controller-manager"))

    def pods(self, node: str = NODE) -> list[str]:
        """Names of the pods on a node."""
        return [item["metadata"]["name"] for item in self.store.list("pods", fields=f"spec.nodeName={node}")]

    @property
    def evicted(self) -> list[str]:
        """Names of the pods whose eviction was accepted, in order."""
        asked = [line for line in self.store.writes if line.path.endswith("/eviction") and line.status == 201]
        return [line.path.split("/")[-2] for line in asked]

    def scope(self, *nodes: str, gathered: tuple[Any, ...] = ()) -> Scope:
        trigger = Trigger("kubernetes", (nodes or (NODE,))[0], "GpuXid", TriggerStatus.PROBLEM, "R", "M", NOW)
        return Scope(Incident("inc-1", (trigger,), NOW, nodes=tuple(nodes)), gathered)

    async def plan(self, tool: RemediationTool, **arguments: Any) -> Plan:
        """What `tool` would do when a model asks for it."""
        asked = {"node_name": NODE, "reason": "a GPU fell off the bus", **arguments}
        return await tool.plan(ToolCall("c1", str(tool.operation), asked), self.scope())

    def hands(self, order: Order) -> ExactHands:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.meanwhile()

        writer = GuardedWriter(self.client, self.mode)
        return ExactHands(order, (self.client, writer), Unrecorded(), FixedClock(), sleep=sleep)

    async def carry_out(self, tool: RemediationTool, plan: Plan) -> Carried:
        return await tool.carry_out(plan.order, self.hands(plan.order))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    store = ObjectStore()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            TestServer(kube_app(store, Logs(), Faults(), time.time, Rules(), SWIFT))
        )
        config = write_kubeconfig(str(server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")
        client = await KubernetesClient.connect(kubeconfig=config, timeout=timedelta(seconds=5))
        stack.push_async_callback(client.aclose)
        found = Place(store, client)
        found.put_node(NODE)
        found.put_node("gpu-node-10")
        yield found
