"""A real gateway with a clock that moves when told to, its people, and hosts that report over the client library.

Hosts stamp what they send by the same clock, so an hour passes in no time, and the gateway's limits of age hold.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.sentinel_core.gateway import Clock
from tests.sentinel_gateway.driving import settings
from tests.sentinel_gateway.people import ROLES

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import Running, running_gateway
from sentinel_gateway.domain.access import token_digest
from sentinel_sdk import SentinelClient, types
from sentinel_sdk.ingest_awaiting import AsyncIngestStream

PASS, FAIL = types.ProbeResult.PASS, types.ProbeResult.FAIL
SWEEP_S = 60
PERIODS_S = {1: 60, 2: 60, 3: 120, 4: 300, 5: 600, 6: 120, 7: 300}
"""Of the documented default schedule, by probe type."""

Probes = AsyncIngestStream[types.ProbeResultBatch, types.ProbeAck]


def gpus_of(host: str, count: int, *, driver: str = "550.54.15") -> tuple[types.GpuIdentifier, ...]:
    """GPUs of one model."""
    return tuple(
        types.GpuIdentifier(
            uuid=f"GPU-{host}-{index}",
            hostname=host,
            device_index=index,
            model="NVIDIA H100 80GB HBM3",
            driver_version=driver,
        )
        for index in range(count)
    )


@dataclass
class Agent:
    """The probe agent of one host: what it sends, and the schedule that acknowledgements leave it with."""

    probes: Probes
    clock: Clock
    gpus: Sequence[types.GpuIdentifier]
    sms: int
    overrides: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Period in seconds and end in nanoseconds, by probe type."""
    took_s: float = 0.0
    """How long one execution takes."""
    _runs: int = 0

    async def sweep(self, failing: Collection[tuple[int, int]] = (), **kinds: types.ProbeType) -> types.ProbeAck:
        """Every SM is probed once; `failing`: index of the GPU and SM."""
        results = [
            (gpu, sm, FAIL if (index, sm) in failing else PASS)
            for index, gpu in enumerate(self.gpus)
            for sm in range(self.sms)
        ]
        return await self.send(results, **kinds)

    async def send(
        self,
        results: Iterable[tuple[types.GpuIdentifier, int, types.ProbeResult]],
        probe_type: types.ProbeType = types.ProbeType.FMA,
    ) -> types.ProbeAck:
        """Send results as one batch, a microsecond apart from now on, and follow what the acknowledgement asks for."""
        now = self.now()
        executions = [
            self._execution(gpu, sm, result, probe_type, now + timedelta(microseconds=place))
            for place, (gpu, sm, result) in enumerate(results)
        ]
        ack = await self.probes.send(types.ProbeResultBatch(executions=executions, batch_timestamp=now))
        assert ack.accepted, ack.rejection_reason
        for one in ack.schedule_overrides:
            self.overrides[one.probe_type] = one.period_seconds, self.clock.ns + one.duration_seconds * 10**9
        return ack

    def periods_s(self) -> Mapping[int, int]:
        """The schedule in force: an override is over by itself when its time has passed."""
        held = {kind: period_s for kind, (period_s, end_ns) in self.overrides.items() if self.clock.ns < end_ns}
        return {**PERIODS_S, **held}

    def now(self) -> datetime:
        """By the clock."""
        return datetime.fromtimestamp(self.clock.ns / 1e9, UTC)

    def _execution(
        self,
        gpu: types.GpuIdentifier,
        sm: int,
        result: types.ProbeResult,
        probe_type: types.ProbeType,
        now: datetime,
    ) -> types.ProbeExecution:
        self._runs += 1
        return types.ProbeExecution(
            execution_id=f"{gpu.hostname}-{self._runs}",
            probe_type=probe_type,
            sm=types.SmIdentifier(gpu=gpu, sm_id=sm),
            result=result,
            execution_time_ns=int(self.took_s * 1e9),
            timestamp=now,
        )


@dataclass
class Fleet:
    """The gateway, its people and its hosts."""

    gateway: Running
    clients: Mapping[str, SentinelClient]
    clock: Clock
    stack: AsyncExitStack

    async def host(self, name: str = "node-1", *, gpus: int = 4, sms: int = 8, driver: str = "550.54.15") -> Agent:
        """A host begins to report."""
        probes = await self.stack.enter_async_context(self.clients["agent"].aprobe_stream(name))
        return Agent(probes, self.clock, gpus_of(name, gpus, driver=driver), sms)

    async def passes(self, seconds: float = SWEEP_S) -> None:
        """Time goes by, and the gateway does what is due then."""
        self.clock.sleep(seconds)
        await self.gateway.core.upkeep()

    async def taken_out(self, agent: Agent, index: int, sm: int) -> None:
        """An SM fails in three sweeps, a minute apart."""
        for _ in range(3):
            await agent.sweep({(index, sm)})
            await self.passes()

    async def state(self, gpu: types.GpuIdentifier) -> str:
        """Where it stands, by name."""
        return (await self.health(gpu)).state.name

    async def health(self, gpu: types.GpuIdentifier) -> types.GpuHealth:
        """All that is said of it."""
        return await self.clients["olga"].aquery_gpu_health(gpu.uuid)

    async def states(self, gpu: types.GpuIdentifier) -> list[str]:
        """All states it came to, oldest first."""
        return [change.to_state.name for change in (await self.history(gpu)).state_transitions]

    async def history(self, gpu: types.GpuIdentifier) -> types.GpuHistoryResponse:
        """What happened to it."""
        end = datetime.fromtimestamp(self.clock.ns / 1e9 + 1, UTC)
        return await self.clients["olga"].aget_gpu_history(gpu.uuid, datetime.fromtimestamp(0, UTC), end)

    async def directives(self, gpu: types.GpuIdentifier) -> list[types.DirectiveRecord]:
        """All about it, oldest first."""
        page = await self.clients["olga"].alist_directives(gpu_uuid=gpu.uuid)
        return list(reversed(page.directives))


@asynccontextmanager
async def opened(folder: Path, groups: Groups | None = None) -> AsyncIterator[Fleet]:
    """A gateway that knows its people by their tokens. Its time is whole seconds, which `datetime` holds exactly."""
    tokens = [{"name": name, "sha256": token_digest(name), "roles": roles} for name, roles in ROLES.items()]
    wanted: Groups = {"tls": {"enabled": False}, "access": {"tokens": tokens}, **(groups or {})}
    clock = Clock()
    clock.ns = time.time_ns() // 10**9 * 10**9
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            running_gateway(settings(folder, wanted, insecure=False), now_ns=clock)
        )
        endpoint = f"127.0.0.1:{gateway.grpc_port}"
        clients = {}
        for name in ROLES:
            client = await SentinelClient.aconnect(endpoint, tls_config=False, token=name)
            clients[name] = await stack.enter_async_context(client)
        yield Fleet(gateway, clients, clock, stack)
