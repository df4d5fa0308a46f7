"""Every address of a gateway, taken before anything is opened or made: a start that cannot listen leaves nothing.

All of them are tried, so that an operator hears of every one that is taken. Whoever connects in between waits until the
gateway answers.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from sentinel_gateway.app.collecting import Tried, all_done
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.transport import RestTls, listeners_of
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.rest.server import listening
from sentinel_gateway.services.server import GrpcServer, Limits, Listener
from sentinel_serving.certificates import Certificates
from sentinel_serving.setting_values import Address

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Taken:
    """Addresses that nobody answers on yet."""

    grpc: GrpcServer
    grpc_ports: tuple[int, ...]
    """The main one first, then those of `grpc.also_listen`, then of `grpc.token_listen`."""
    rest: socket.socket | None
    rest_tls: RestTls | None
    certificates: Certificates | None
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
        BadSettings: addresses cannot be bound; names each with its setting.
        BadConfiguration: certificates cannot be used.
    """
    tls = RestTls(settings, certificates) if certificates else None
    with ExitStack() as sockets:
        rest = _taken(sockets, settings.rest.listen, "rest.listen or --rest-port")
        metrics = _taken(sockets, settings.metrics.listen, "metrics.listen")
        server = GrpcServer(_limits(settings))
        try:
            bound = [_bound(server, *one) for one in _grpc_addresses(settings, certificates)]
            all_done(*bound, rest, metrics)
            ports = tuple(one.value for one in bound)
            yield Taken(server, ports, rest.value, tls, certificates, metrics.value)
        finally:
            await server.stop(0)


def _grpc_addresses(settings: Settings, certificates: Certificates | None) -> Iterator[tuple[Listener, str]]:
    """Each with the settings that choose it."""
    grpc = settings.grpc
    names = ["grpc.listen, --listen or --port"]
    names += ["grpc.also_listen"] * len(grpc.also_listen) + ["grpc.token_listen"] * len(grpc.token_listen)
    return zip(listeners_of(settings, certificates), names, strict=True)


def _bound(server: GrpcServer, listener: Listener, chosen_by: str) -> Tried[int]:
    return Tried(lambda: _naming(chosen_by, lambda: server.listen((listener,))[0]))


def _taken(sockets: ExitStack, address: Address | None, chosen_by: str) -> Tried[socket.socket | None]:
    def take() -> socket.socket | None:
        return sockets.enter_context(listening(address.host, address.port)) if address else None

    return Tried(lambda: _naming(chosen_by, take))


def _naming(chosen_by: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except BadConfiguration as error:
        raise BadConfiguration(f"{error}; another address is chosen with {chosen_by}") from error


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
