"""Every address of a gateway, taken before anything is opened or made: a start that cannot listen leaves nothing.

Whoever connects in between waits until the gateway answers.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from sentinel_gateway.app.setting_values import Address
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.transport import RestTls, listeners_of
from sentinel_gateway.rest.server import listening
from sentinel_gateway.services.certificates import Certificates
from sentinel_gateway.services.server import GrpcServer, Limits


@dataclass(frozen=True, slots=True)
class Taken:
    """Addresses that nobody answers on yet."""

    grpc: GrpcServer
    grpc_ports: tuple[int, ...]
    """The main one first, then those of `grpc.also_listen`, then of `grpc.token_listen`."""
    rest: socket.socket | None
    rest_tls: RestTls | None
    metrics: socket.socket | None

    @property
    def rest_port(self) -> int | None:
        """None where REST is off."""
        return _port(self.rest)

    @property
    def metrics_port(self) -> int | None:
        """None where metrics have no address of their own."""
        return _port(self.metrics)


@asynccontextmanager
async def addresses_taken(settings: Settings, certificates: Certificates | None) -> AsyncIterator[Taken]:
    """Take all of them until the block ends.

    Raises:
        BadConfiguration: an address cannot be bound, or certificates cannot be used.
    """
    tls = RestTls(settings, certificates) if certificates else None
    with ExitStack() as sockets:
        rest, metrics = _taken(sockets, settings.rest.listen), _taken(sockets, settings.metrics.listen)
        server = GrpcServer(_limits(settings))
        try:
            ports = await server.listen(listeners_of(settings, certificates))
            yield Taken(server, ports, rest, tls, metrics)
        finally:
            await server.stop(0)


def _taken(sockets: ExitStack, address: Address | None) -> socket.socket | None:
    return sockets.enter_context(listening(address.host, address.port)) if address else None


def _port(listener: socket.socket | None) -> int | None:
    return int(listener.getsockname()[1]) if listener else None


def _limits(settings: Settings) -> Limits:
    grpc = settings.grpc
    return Limits(
        max_receive_bytes=grpc.max_receive_bytes,
        max_connections=grpc.max_connections,
        max_calls=grpc.max_calls,
        max_concurrent_streams=grpc.max_concurrent_streams,
        min_ping_interval_s=grpc.min_ping_interval_seconds,
    )
