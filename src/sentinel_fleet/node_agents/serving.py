"""The agents of a world's nodes from their start to their end; the only module here that starts gRPC."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

import grpc

from sentinel.node.v1 import node_pb2_grpc
from sentinel_fleet.node_agents.door import Doors, open_doors
from sentinel_fleet.node_agents.facts import Permission
from sentinel_fleet.node_agents.node import IsThere, NodeNow
from sentinel_fleet.node_agents.plan import NodeAgentsPlan
from sentinel_fleet.node_agents.service import NodeService
from sentinel_fleet.world import World

_ALL_LOOPBACK_ADDRESSES = "0.0.0.0"  # noqa: S104 - nodes have addresses all over 127/8; other peers are refused
_OPTIONS = (("grpc.so_reuseport", 0),)


@dataclass(frozen=True, slots=True)
class ServedNodeAgents:
    """Where agents are, and what their operator gave to an investigator."""

    port: int
    """At each node's own address, plain text."""
    token: str
    probes: Permission
    """What they let others run."""


@asynccontextmanager
async def serving(
    world: World, plan: NodeAgentsPlan, clock: Callable[[], float], is_there: IsThere
) -> AsyncIterator[ServedNodeAgents]:  # fmt: skip
    """Answer for every node that has an agent, until the block ends.

    Raises:
        OSError: no free port.
    """

    def node_at(address: str) -> str | None:
        name = world.node_of_exporter(address)
        is_up = name is not None and not any(low <= clock() < high for low, high in world.history(name).unscraped())
        return name if name is not None and is_up and plan.runs_on(name) else None

    def at_door(peer: str) -> NodeNow | None:
        name = node_at(_address(peer))
        return None if name is None else NodeNow(world, plan, name, clock(), is_there)

    token = secrets.token_urlsafe(24)
    server = grpc.aio.server(options=_OPTIONS)
    node_pb2_grpc.add_NodeServiceServicer_to_server(NodeService(at_door, token), server)
    doors = Doors(server.add_insecure_port("127.0.0.1:0"), node_at, world.faults)
    listener = socket.create_server((_ALL_LOOPBACK_ADDRESSES, 0))
    await server.start()
    try:
        async with open_doors(doors, listener):
            yield ServedNodeAgents(int(listener.getsockname()[1]), token, plan.part.probes)
    finally:
        await server.stop(None)


def _address(peer: str) -> str:
    """Of gRPC's name of a connection, such as ``ipv4:127.64.0.3:41234``; empty where it is none."""
    address = peer.removeprefix("ipv4:").rpartition(":")[0]
    try:
        return str(IPv4Address(address))
    except AddressValueError:
        return ""
