"""Hosts with software GPUs, and a tester who breaks them through the gateway's register of faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc
from tests.sentinel_acceptance.place import Fleet, Probes, gpus_of

from sentinel.internal import testing_pb2
from sentinel.internal.testing_pb2_grpc import TestingServiceStub
from sentinel_fleet.sentinel import injecting
from sentinel_fleet.sentinel.messages import anomaly_event
from sentinel_fleet.sentinel.monitors.found import Found
from sentinel_fleet.sentinel.silicon.faults import Fault
from sentinel_fleet.sentinel.silicon.schedules import Schedule
from sentinel_fleet.sentinel.software_agent import SoftwareAgent
from sentinel_sdk import types

if TYPE_CHECKING:
    from sentinel.internal.testing_pb2_grpc import TestingServiceAsyncStub


@dataclass
class Host:
    """Its agent, and the stream on which it reports."""

    agent: SoftwareAgent
    probes: Probes


@dataclass
class Lab:
    """A fleet of software GPUs; a second is a second of the gateway's clock."""

    fleet: Fleet
    register: TestingServiceAsyncStub
    hosts: dict[str, Host] = field(default_factory=dict)
    second: int = 0

    async def host(
        self, name: str, schedule: Schedule, *, gpus: int = 4, sms: int = 16
    ) -> Sequence[types.GpuIdentifier]:
        """A host whose probes all run now for the first time; its GPUs."""
        probes = await self.fleet.stack.enter_async_context(self.fleet.clients["agent"].aprobe_stream(name))
        self.hosts[name] = Host(SoftwareAgent(gpus_of(name, gpus), sms, schedule), probes)
        await self._sweep(self.hosts[name], {})
        return self.hosts[name].agent.gpus

    async def inject(self, gpu: types.GpuIdentifier, fault: Fault) -> str:
        """Over the wire, as the tester."""
        return await injecting.inject(self.register, gpu, fault)

    async def clear(self, injection_id: str) -> None:
        """The fault is gone."""
        request = testing_pb2.ClearFaultRequest(injection_id=injection_id)
        assert (await self.register.ClearFault(request, timeout=10)).success

    async def passes(self, seconds: int) -> None:
        """Seconds go by; whatever probes are due run, with the faults that the register holds then."""
        for _ in range(seconds):
            self.second += 1
            self.fleet.clock.sleep(1)
            due = [host for host in self.hosts.values() if host.agent.is_due(self.second)]
            faults = await injecting.active(self.register) if due else {}
            for host in due:
                await self._sweep(host, faults)
        await self.fleet.gateway.core.upkeep()

    async def _sweep(self, host: Host, faults: Mapping[str, Sequence[Fault]]) -> None:
        executions = host.agent.executions(self.second, self.now(), faults)
        ack = await host.probes.send(types.ProbeResultBatch(executions=executions, batch_timestamp=self.now()))
        assert (ack.accepted, ack.rejection_reason) == (True, "")

    def now(self) -> datetime:
        """By the clock."""
        return datetime.fromtimestamp(self.fleet.clock.ns / 1e9, UTC)

    async def failures(self) -> list[types.ProbeExecution]:
        """The executions that failed, by the ledger."""
        wanted = types.AuditQueryFilters(entry_type=types.AuditEntryType.PROBE_RESULT)
        entries = self.fleet.clients["ann"].aiter_audit_trail(wanted)
        found = [types.ProbeExecution.wire.FromString(entry.data) async for entry in entries]
        executions = [types.ProbeExecution.from_proto(one) for one in found]
        return [one for one in executions if one.result is types.ProbeResult.FAIL]

    async def anomalies(self) -> list[types.AnomalyEvent]:
        """Everything that monitors reported, by the ledger."""
        return await anomalies(self.fleet)


async def anomalies(fleet: Fleet) -> list[types.AnomalyEvent]:
    """The same without software GPUs."""
    wanted = types.AuditQueryFilters(entry_type=types.AuditEntryType.ANOMALY_EVENT)
    entries = fleet.clients["ann"].aiter_audit_trail(wanted)
    return [types.AnomalyEvent.from_proto(types.AnomalyEvent.wire.FromString(one.data)) async for one in entries]


async def report(fleet: Fleet, gpu: types.GpuIdentifier, found: Sequence[Found]) -> None:
    """A monitor tells what it found."""
    if not found:
        return
    now = datetime.fromtimestamp(fleet.clock.ns / 1e9, UTC)
    events = [anomaly_event(one, gpu, f"{gpu.uuid}-{one.type}-{now:%H%M%S}-{n}", now) for n, one in enumerate(found)]
    async with fleet.clients["agent"].aanomaly_stream(gpu.hostname) as stream:
        assert (await stream.send(events)).accepted


@asynccontextmanager
async def lab(fleet: Fleet) -> AsyncIterator[Lab]:
    """Whoever may inject faults is an admin."""
    channel_for = grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), grpc.access_token_call_credentials("ann")
    )
    async with grpc.aio.secure_channel(f"127.0.0.1:{fleet.gateway.grpc_port}", channel_for) as channel:
        yield Lab(fleet, TestingServiceStub(channel))
