"""Small worlds with agents on their nodes, and nothing else of the fleet being served."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import pytest
import yaml

from sentinel.node.v1 import node_pb2_grpc
from sentinel_fleet.node_agents.serving import ServedNodeAgents, serving
from sentinel_fleet.scenario import Scenario, load
from sentinel_fleet.world import World

if TYPE_CHECKING:
    from sentinel.node.v1.node_pb2_grpc import NodeServiceAsyncStub

    Stub: TypeAlias = NodeServiceAsyncStub
else:
    Stub = node_pb2_grpc.NodeServiceStub

MakeScenario = Callable[..., Scenario]
Served = Callable[..., AbstractAsyncContextManager["Agents"]]


def content(**changes: object) -> dict[str, Any]:
    """Four nodes with two GPUs each; a job holds GPU 0 of the first."""
    base = {
        "schema": "gcm-sentinel/scenario/v1",
        "id": "small",
        "title": "A small scenario",
        "section": "L",
        "draw": {
            "node": {"node": {}},
            "gpu": {"gpu": {"of": "node"}},
            "job": {"workload": {"on": "node", "kind": "Job", "gpus": 1, "gpu": "gpu", "age": "3h"}},
            "other": {"node": {"not": ["node"]}},
        },
        "fleet": {"racks": 2, "nodes_per_rack": 2, "gpus_per_node": 2},
        "facts": [],
        "node_agents": {},
        "trigger": {"node": "${node}", "alert": "SomethingIsWrong"},
        "expect": {"fault_class": ["inconclusive"], "severity": ["warning"]},
    }
    return base | changes


@pytest.fixture
def make(tmp_path: Path) -> MakeScenario:
    """Write a scenario with parts replaced, and load it."""

    def make_it(**changes: object) -> Scenario:
        file = tmp_path / "small.yaml"
        file.write_text(yaml.safe_dump(content(**changes), sort_keys=False), encoding="utf-8")
        return load(file)

    return make_it


@dataclass
class Agents:
    """The served agents of a world."""

    world: World
    served: ServedNodeAgents
    gone: set[tuple[str, str]] = field(default_factory=set)
    """Pods that somebody has evicted."""

    @property
    def node(self) -> str:
        """The node of the trigger."""
        return self.world.trigger.node

    def uuid(self, *, busy: bool) -> str:
        """Of the GPU that the job holds, or the one beside it."""
        index = int(str(self.world.names["gpu"]))
        return self.world.fleet.gpu(self.node, index if busy else 1 - index).uuid

    @asynccontextmanager
    async def ask(self, node: str = "", token: str | None = None) -> AsyncIterator[Stub]:
        """A client at a node's own address."""
        address = f"{self.world.fleet.by_name[node or self.node].ip}:{self.served.port}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield node_pb2_grpc.NodeServiceStub(channel)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Who we are."""
        return (("authorization", f"Bearer {self.served.token}"),)


@asynccontextmanager
async def agents_of(world: World) -> AsyncIterator[Agents]:
    """Serve the agents of a world."""
    assert world.plan.node_agents is not None
    gone: set[tuple[str, str]] = set()
    async with serving(world, world.plan.node_agents, time.time, lambda *pod: pod not in gone) as served:
        yield Agents(world, served, gone)


@pytest.fixture
def serve(make: MakeScenario) -> Served:
    """Serve the agents of a scenario with parts replaced."""

    @asynccontextmanager
    async def serve_it(*, seed: int = 1, **changes: object) -> AsyncIterator[Agents]:
        async with agents_of(make(**changes).realise(seed, anchor=time.time())) as agents:
            yield agents

    return serve_it
