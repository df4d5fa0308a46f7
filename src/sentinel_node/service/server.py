"""The gRPC server: the node's service, health and reflection on one address, behind one border."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from sentinel.node.v1 import node_pb2, node_pb2_grpc
from sentinel_node.domain.access import AccessRules
from sentinel_node.domain.errors import BadConfiguration
from sentinel_node.service.border import Border
from sentinel_node.service.desk import Desk
from sentinel_node.service.node_service import Machine, NodeService
from sentinel_node.service.open_calls import OpenCalls
from sentinel_serving.certificates import Certificates

SERVICE = node_pb2.DESCRIPTOR.services_by_name["NodeService"].full_name

_MOST_CALLS = 64
_MOST_CONNECTIONS = 256
_MOST_RECEIVED_BYTES = 1 << 20
_MOST_SENT_BYTES = 4 << 20
_OPTIONS = (
    ("grpc.max_receive_message_length", _MOST_RECEIVED_BYTES),
    ("grpc.max_send_message_length", _MOST_SENT_BYTES),
    ("grpc.max_allowed_incoming_connections", _MOST_CONNECTIONS),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the service listens, and who may come in."""

    address: str
    """``host:port``, with port 0 for any."""
    rules: Callable[[], AccessRules]
    certificates: Certificates | None = None
    """None is plain text."""
    grace_s: float = 5.0
    """How long answers may take after the stop."""


@asynccontextmanager
async def answering(door: Door, machine: Machine, desk: Desk) -> AsyncIterator[int]:
    """Answer until the block ends; gives the port. At the end probes stop, and what is under way is told UNAVAILABLE.

    Raises:
        BadConfiguration: the address cannot be bound.
    """
    border = Border(door.rules)
    server = grpc.aio.server(interceptors=[border, OpenCalls()], options=_OPTIONS, maximum_concurrent_rpcs=_MOST_CALLS)
    liveness = health.HealthServicer()
    node_pb2_grpc.add_NodeServiceServicer_to_server(NodeService(machine, desk), server)
    health_pb2_grpc.add_HealthServicer_to_server(liveness, server)
    known = (SERVICE, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(known, server)
    port = _bound(server, door)
    await server.start()
    for name in ("", SERVICE):
        await liveness.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield port
    finally:
        await liveness.enter_graceful_shutdown()
        desk.stop()
        async with asyncio.TaskGroup() as group:
            group.create_task(server.stop(door.grace_s))
            await asyncio.sleep(0)  # refuses new calls first
            border.stop()


def _bound(server: grpc.aio.Server, door: Door) -> int:
    try:
        if door.certificates is None:
            return server.add_insecure_port(door.address)
        ask_clients = door.certificates.files.authorities is not None
        return server.add_secure_port(door.address, door.certificates.credentials(ask_clients=ask_clients))
    except RuntimeError as error:
        raise BadConfiguration(
            f"cannot listen on {door.address}: is another process using the port? ({error})"
        ) from error
