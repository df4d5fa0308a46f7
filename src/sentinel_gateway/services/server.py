"""The gRPC server: every service on every address, behind one border. Who calls what is decided there, not here.

Its addresses are taken before there is anything to answer with, so that a start whose port is taken has made nothing
yet. Connections of whoever calls in between wait in the kernel, until there is a border and all services are known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sentinel.ext.v1 import (
    directives_pb2,
    directives_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    ledger_pb2,
    ledger_pb2_grpc,
    tmr_pb2,
    tmr_pb2_grpc,
)
from sentinel.internal import testing_pb2, testing_pb2_grpc
from sentinel.v1 import (
    anomaly_pb2,
    anomaly_pb2_grpc,
    audit_pb2,
    audit_pb2_grpc,
    config_pb2,
    config_pb2_grpc,
    correlation_pb2,
    correlation_pb2_grpc,
    probe_pb2,
    probe_pb2_grpc,
    quarantine_pb2,
    quarantine_pb2_grpc,
    telemetry_pb2,
    telemetry_pb2_grpc,
)
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.services.audit import AuditService
from sentinel_gateway.services.authentication import Context
from sentinel_gateway.services.border import Border, Handler
from sentinel_gateway.services.configuration import ConfigService
from sentinel_gateway.services.correlation import CorrelationService
from sentinel_gateway.services.events import EventService
from sentinel_gateway.services.extensions import extension_handlers
from sentinel_gateway.services.ingest import AnomalyService, ProbeService, TelemetryService, TmrService
from sentinel_gateway.services.ledger import LedgerService
from sentinel_gateway.services.liveness import Liveness
from sentinel_gateway.services.quarantine import DirectiveService, QuarantineService
from sentinel_gateway.services.testing import TestingService

_FILES = (
    probe_pb2,
    anomaly_pb2,
    telemetry_pb2,
    quarantine_pb2,
    correlation_pb2,
    audit_pb2,
    config_pb2,
    directives_pb2,
    events_pb2,
    ledger_pb2,
    tmr_pb2,
    testing_pb2,
)
"""Files whose services are served."""

_MS = 1000
_SERVER_PING_S = 60
_SERVER_PING_TIMEOUT_S = 20
_UNSEEN_CALLS = 1000
"""Above `max_calls`: health checks, and calls whose message has not come whole, which reach the border only then."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may do to connections."""

    max_receive_bytes: int
    max_connections: int
    """Of each address."""
    max_calls: int
    """Of all connections; the border refuses with words, gRPC itself what the border never sees."""
    max_concurrent_streams: int
    min_ping_interval_s: float


@dataclass(frozen=True, slots=True)
class Listener:
    """An address to listen on, ``host:port`` with port 0 for any; plain text without credentials."""

    address: str
    credentials: grpc.ServerCredentials | None = None


def served_services() -> tuple[ServiceDescriptor, ...]:
    """Every service of ours."""
    return tuple(service for file in _FILES for service in file.DESCRIPTOR.services_by_name.values())


class GrpcServer:
    """A server that listens, then one that answers, then one that has stopped."""

    def __init__(self, limits: Limits) -> None:
        self._gate = _Gate()
        self._server = grpc.aio.server(
            interceptors=[self._gate],
            options=_options(limits),
            maximum_concurrent_rpcs=limits.max_calls + _UNSEEN_CALLS,
        )
        self._started = False
        self.liveness = Liveness(service.full_name for service in served_services())

    def add_core_services(self, core: Core, *, testing: bool) -> None:
        """Everything but the ledger's own questions."""
        server, correlation, config = self._server, CorrelationService(core), ConfigService(core)
        probe_pb2_grpc.add_ProbeServiceServicer_to_server(ProbeService(core), server)
        anomaly_pb2_grpc.add_AnomalyServiceServicer_to_server(AnomalyService(core), server)
        telemetry_pb2_grpc.add_TelemetryServiceServicer_to_server(TelemetryService(core), server)
        tmr_pb2_grpc.add_TmrServiceServicer_to_server(TmrService(core), server)
        quarantine_pb2_grpc.add_QuarantineServiceServicer_to_server(QuarantineService(core), server)
        directives_pb2_grpc.add_DirectiveServiceServicer_to_server(DirectiveService(core), server)
        events_pb2_grpc.add_EventServiceServicer_to_server(EventService(core), server)
        correlation_pb2_grpc.add_CorrelationServiceServicer_to_server(correlation, server)
        config_pb2_grpc.add_ConfigServiceServicer_to_server(config, server)
        testing_pb2_grpc.add_TestingServiceServicer_to_server(TestingService(core, enabled=testing), server)
        server.add_generic_rpc_handlers(extension_handlers(correlation, config))

    def add_ledger_services(self, audit: AuditService, ledger: LedgerService) -> None:
        """The ledger's own questions."""
        audit_pb2_grpc.add_AuditServiceServicer_to_server(audit, self._server)
        ledger_pb2_grpc.add_LedgerServiceServicer_to_server(ledger, self._server)

    def listen(self, listeners: Sequence[Listener]) -> tuple[int, ...]:
        """Take the addresses; gives the ports, in order. Calls wait until `answer`.

        Raises:
            BadConfiguration: an address cannot be bound, or the certificates cannot be used.
        """
        return tuple(self._bind(listener) for listener in listeners)

    async def answer(self, border: Border) -> None:
        """Let calls through `border` to the services that were added."""
        health_pb2_grpc.add_HealthServicer_to_server(self.liveness.servicer, self._server)
        ours = tuple(service.full_name for service in served_services())
        known = (*ours, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(known, self._server)
        self._gate.border = border
        await self._start()

    async def stop(self, grace_s: float) -> None:
        """Say so, tell streams to connect elsewhere, let calls with one answer finish; then cut what is left."""
        await self.liveness.stop()
        await self._start()  # gRPC frees the addresses of a server only if it ran
        async with asyncio.TaskGroup() as group:
            group.create_task(self._server.stop(grace_s))
            await asyncio.sleep(0)
            self._gate.end_streams()

    async def _start(self) -> None:
        if not self._started:
            self._started = True
            await self._server.start()

    def _bind(self, listener: Listener) -> int:
        try:
            if listener.credentials is None:
                return self._server.add_insecure_port(listener.address)
            return self._server.add_secure_port(listener.address, listener.credentials)
        except RuntimeError as error:
            raise BadConfiguration(
                f"grpc: cannot listen on {listener.address}: is another process using the port? ({error})"
            ) from error


class _Gate(grpc.aio.ServerInterceptor):
    """Hands calls to the border: gRPC wants its interceptors when a server is made, long before there is one."""

    def __init__(self) -> None:
        self.border: Border | None = None

    def end_streams(self) -> None:
        """End the streams that the border let in."""
        if self.border is not None:
            self.border.end_streams()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """As the border says; a server that ends before it has one says that it is going."""
        if self.border is None:
            return grpc.unary_unary_rpc_method_handler(_going, None, None)
        return await self.border.intercept_service(continuation, handler_call_details)


async def _going(_raw: object, context: Context) -> None:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the gateway could not start; its log says why")


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.max_receive_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_allowed_incoming_connections", limits.max_connections),
        ("grpc.max_concurrent_streams", limits.max_concurrent_streams),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", int(limits.min_ping_interval_s * _MS)),
        ("grpc.keepalive_time_ms", _SERVER_PING_S * _MS),
        ("grpc.keepalive_timeout_ms", _SERVER_PING_TIMEOUT_S * _MS),
    ]
