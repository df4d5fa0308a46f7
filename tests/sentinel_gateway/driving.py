"""What tests of the gateway share: settings, messages as agents send them, stubs, waiting with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2

from sentinel.ext.v1 import directives_pb2_grpc, events_pb2_grpc, ledger_pb2_grpc, tmr_pb2_grpc
from sentinel.internal import testing_pb2_grpc
from sentinel.v1 import (
    anomaly_pb2_grpc,
    audit_pb2_grpc,
    common_pb2,
    config_pb2,
    config_pb2_grpc,
    correlation_pb2_grpc,
    probe_pb2,
    probe_pb2_grpc,
    quarantine_pb2,
    quarantine_pb2_grpc,
    telemetry_pb2_grpc,
    trust_pb2,
)
from sentinel_gateway.app.loading import Groups, load
from sentinel_gateway.app.settings import Settings

GPU = "GPU-11111111-2222-3333-4444-555555555555"
WITHIN_S = 20.0


def settings(folder: Path, groups: Groups | None = None, *, insecure: bool = True) -> Settings:
    """Settings of a gateway on free loopback ports, with its files in `folder` and `groups` over them."""
    wanted: Groups = {
        "grpc": {"listen": "127.0.0.1:0", "grace_seconds": 2},
        "rest": {"listen": ""},
        "database": {"state_dir": str(folder)},
    }
    if insecure:
        wanted["access"] = {"insecure": True}
    for group, keys in (groups or {}).items():
        wanted[group] = {**wanted.get(group, {}), **keys}
    return load({}, wanted)


class Client:
    """Stubs of every service on one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.probes = probe_pb2_grpc.ProbeServiceStub(channel)
        self.anomalies = anomaly_pb2_grpc.AnomalyServiceStub(channel)
        self.telemetry = telemetry_pb2_grpc.TelemetryServiceStub(channel)
        self.quarantine = quarantine_pb2_grpc.QuarantineServiceStub(channel)
        self.correlation = correlation_pb2_grpc.CorrelationServiceStub(channel)
        self.audit = audit_pb2_grpc.AuditServiceStub(channel)
        self.config = config_pb2_grpc.ConfigServiceStub(channel)
        self.directives = directives_pb2_grpc.DirectiveServiceStub(channel)
        self.events = events_pb2_grpc.EventServiceStub(channel)
        self.tmr = tmr_pb2_grpc.TmrServiceStub(channel)
        self.testing = testing_pb2_grpc.TestingServiceStub(channel)
        self.ledger = ledger_pb2_grpc.LedgerServiceStub(channel)
        self.apply_config = channel.unary_unary(
            "/sentinel.v1.ConfigService/ApplyConfig",
            config_pb2.ConfigUpdate.SerializeToString,
            config_pb2.ConfigAck.FromString,
        )
        """Not declared in the contract, as the next."""
        self.trust_graph = channel.unary_unary(
            "/sentinel.v1.CorrelationService/GetTrustGraph",
            Empty.SerializeToString,
            trust_pb2.TrustGraphSnapshot.FromString,
        )
        self.check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )

    async def report(self, batch: probe_pb2.ProbeResultBatch) -> probe_pb2.ProbeAck:
        """Send one batch on a stream of its own; gives its acknowledgement."""
        call = self.probes.StreamProbeResults(timeout=WITHIN_S)
        await call.write(batch)
        await call.done_writing()
        return [ack async for ack in call][0]

    async def issue(self, action: int, **fields: Any) -> quarantine_pb2.DirectiveResponse:
        """Issue a directive about the usual GPU."""
        return await self.quarantine.IssueDirective(directive(action, **fields), timeout=WITHIN_S)


def directive(action: int, **fields: Any) -> quarantine_pb2.QuarantineDirective:
    """A directive about the usual GPU."""
    values: dict[str, Any] = {"gpu": common_pb2.GpuIdentifier(uuid=GPU), "reason": "a test", "action": action, **fields}
    return quarantine_pb2.QuarantineDirective(**values)


def execution(result: int = 1, *, sm: int = 0, age_s: float = 0, **fields: Any) -> probe_pb2.ProbeExecution:
    """One execution of an FMA probe on the usual GPU."""
    gpu = common_pb2.GpuIdentifier(uuid=GPU, hostname="node-1", model="NVIDIA H100 80GB HBM3")
    values: dict[str, Any] = {"execution_id": "1", "probe_type": 1, "result": result, **fields}
    made = probe_pb2.ProbeExecution(sm=common_pb2.SmIdentifier(gpu=gpu, sm_id=sm), **values)
    made.timestamp.FromNanoseconds(time.time_ns() - int(age_s * 1e9))
    return made


def neighbours() -> list[probe_pb2.ProbeExecution]:
    """A pass of three more GPUs of the host: of fewer than four GPUs none is taken out without a person."""
    passes = [execution(execution_id=f"neighbour-{number}") for number in range(3)]
    for number, one in enumerate(passes):
        one.sm.gpu.uuid = f"GPU-neighbour-{number}"
    return passes


def batch(*executions: probe_pb2.ProbeExecution, sequence: int = 1, host: str = "node-1") -> probe_pb2.ProbeResultBatch:
    """A batch of executions; one that passed where none is given."""
    return probe_pb2.ProbeResultBatch(
        agent_hostname=host, executions=executions or [execution()], sequence_number=sequence
    )


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + WITHIN_S
    while not await condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        await asyncio.sleep(0.01)


async def code_of(call: Awaitable[object]) -> grpc.StatusCode:
    """How a call ends."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def refusal_of(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    """Code and words of a call that is refused."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError("the call was answered")
