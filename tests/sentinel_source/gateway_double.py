"""A small gateway that speaks `sentinel.v1` over real gRPC and answers with what a test put into it.

It filters as the protocol says (hosts by prefix, the worst GPUs first, cut at a limit), pages histories, and keeps a
ledger with a real tree and real signatures. `fail` lets one method fail, `asked` lists what was asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from tests.sentinel_source.ledger_double import LedgerDouble

from sentinel.ext.v1 import directives_pb2, ledger_pb2
from sentinel.v1 import audit_pb2, correlation_pb2, health_pb2, trust_pb2

Handler = Callable[[Any], Message]


class NotThere(Exception):
    """Makes a handler answer NOT_FOUND."""


class GatewayDouble:
    """What the gateway knows, and what it was asked."""

    def __init__(self) -> None:
        self.gpus: list[health_pb2.GpuHealth] = []
        self.limit = 1000
        """Most GPUs a fleet answer holds."""
        self.histories: dict[str, list[correlation_pb2.GpuHistoryResponse]] = {}
        """Pages by UUID."""
        self.trust = trust_pb2.TrustGraphSnapshot()
        self.ledger = LedgerDouble()
        self.fail: dict[str, tuple[grpc.StatusCode, str]] = {}
        self.asked: list[tuple[str, Any]] = []
        self.metadata: list[dict[str, str]] = []
        self.endpoint = ""

    def health(self, request: correlation_pb2.HealthQueryRequest) -> Message:
        for health in self.gpus:
            if health.gpu.uuid == request.gpu.uuid:
                return correlation_pb2.HealthQueryResponse(health=health)
        raise NotThere(f"GPU {request.gpu.uuid} is not known")

    def fleet(self, request: correlation_pb2.FleetHealthRequest) -> Message:
        found = [health for health in self.gpus if health.gpu.hostname.startswith(request.hostname_prefix)]
        worst = sorted(found, key=lambda health: -health.probe_fail_count)[: self.limit]
        for health in (answer := correlation_pb2.FleetHealthResponse(gpu_health=worst)).gpu_health:
            del health.sm_health[:]
        answer.truncated, answer.total_matching = len(worst) < len(found), len(found)
        answer.summary.total_gpus = len(found)
        return answer

    def history(self, request: correlation_pb2.GpuHistoryRequest) -> Message:
        pages = self.histories.get(request.gpu.uuid)
        if pages is None:
            raise NotThere(f"GPU {request.gpu.uuid} is not known")
        number = int(request.page_token or 0)
        page = correlation_pb2.GpuHistoryResponse()
        page.CopyFrom(pages[number])
        page.next_page_token = str(number + 1) if number + 1 < len(pages) else ""
        return page

    def withdraw(self, request: directives_pb2.WithdrawDirectiveRequest) -> Message:
        raise NotThere(f"directive {request.directive_id} is not known")


def _methods(double: GatewayDouble) -> dict[str, dict[str, tuple[type[Message], Handler]]]:
    ledger = double.ledger
    return {
        "sentinel.v1.CorrelationService": {
            "QueryGpuHealth": (correlation_pb2.HealthQueryRequest, double.health),
            "QueryFleetHealth": (correlation_pb2.FleetHealthRequest, double.fleet),
            "GetGpuHistory": (correlation_pb2.GpuHistoryRequest, double.history),
            "GetTrustGraph": (Empty, lambda _request: double.trust),
        },
        "sentinel.v1.AuditService": {
            "QueryAuditTrail": (audit_pb2.AuditQueryRequest, ledger.query),
            "VerifyChain": (audit_pb2.ChainVerificationRequest, lambda _request: ledger.verdict),
            "IngestEvents": (audit_pb2.AuditIngestRequest, lambda r: ledger.ingest(r, double.metadata[-1])),
        },
        "sentinel.ext.v1.LedgerService": {
            "GetCheckpoint": (ledger_pb2.GetCheckpointRequest, lambda _request: ledger.checkpoint()),
            "ProveInclusion": (ledger_pb2.ProveInclusionRequest, ledger.prove),
            "ProveConsistency": (ledger_pb2.ProveConsistencyRequest, ledger.consistency),
        },
        "sentinel.ext.v1.DirectiveService": {
            "WithdrawDirective": (directives_pb2.WithdrawDirectiveRequest, double.withdraw),
        },
    }


def _served(double: GatewayDouble, name: str, handler: Handler) -> Callable[[Any, Any], Awaitable[Message]]:
    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
        double.asked.append((name, request))
        double.metadata.append({key: str(value) for key, value in context.invocation_metadata() or ()})
        if name in double.fail:
            await context.abort(*double.fail[name])
        try:
            return handler(request)
        except (NotThere, LookupError) as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise AssertionError("abort returned")

    return answer


@asynccontextmanager
async def running(
    double: GatewayDouble, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[GatewayDouble]:
    """Serve `double` on a free loopback port; `endpoint` tells which."""
    server = grpc.aio.server()
    for service, methods in _methods(double).items():
        handlers: dict[str, Any] = {
            name: grpc.unary_unary_rpc_method_handler(
                _served(double, name, handler), kind.FromString, lambda message: message.SerializeToString()
            )
            for name, (kind, handler) in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    await server.start()
    double.endpoint = f"127.0.0.1:{port}"
    try:
        yield double
    finally:
        await server.stop(0)


def gpu_health(uuid: str, host: str, index: int = 0, **told: Any) -> health_pb2.GpuHealth:
    """One GPU; ``sms={5: (90, 10)}`` are passed and failed probes by SM and make up its counts."""
    sms: dict[int, tuple[int, int]] = told.pop("sms", {0: (100, 0)})
    identity = {key: told.pop(key) for key in ("model", "driver_version", "firmware_version") if key in told}
    health = health_pb2.GpuHealth(
        state=told.pop("state", health_pb2.GPU_HEALTH_STATE_HEALTHY),
        probe_pass_count=sum(passed for passed, _ in sms.values()),
        probe_fail_count=sum(failed for _, failed in sms.values()),
        reliability_score=0.99,
        **told,
    )
    health.gpu.uuid, health.gpu.hostname, health.gpu.device_index = uuid, host, index
    for name, value in identity.items():
        setattr(health.gpu, name, value)
    for sm, (passed, failed) in sms.items():
        entry = health.sm_health.add(probe_pass_count=passed, probe_fail_count=failed)
        entry.sm.sm_id, entry.reliability_score = sm, passed / max(1, passed + failed)
    return health


def uuids(count: int) -> Sequence[str]:
    """UUIDs as NVML writes them."""
    return [f"GPU-{number:08x}-0000-4000-8000-000000000000" for number in range(1, count + 1)]
