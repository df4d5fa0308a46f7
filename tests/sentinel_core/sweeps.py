"""A fleet whose agents report one sweep over all SMs a minute, by the clock of the test."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tests.sentinel_core.gateway import Place

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveFilter, DirectiveRecord
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Correlation, Window
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import Ack, ProbeBatch, ProbeExecution, ProbeResult, ProbeType
from sentinel_gateway.domain.roles import Caller, Role

AGENT = Caller("agent", frozenset({Role.AGENT}), "certificate")
PERIOD_S = 60


def fleet(hosts: int, gpus: int = 8, model: str = "NVIDIA H100 80GB HBM3", driver: str = "550.1") -> list[Gpu]:
    """GPUs of one kind; hosts are named by kind, so that two kinds never share one."""
    kind = model[-4:].strip()
    return [
        Gpu(f"GPU-{kind}-{driver}-{host}-{device}".replace(".", "-"), f"{kind}-{driver}-{host}", device, model, driver)
        for host in range(hosts)
        for device in range(gpus)
    ]


@dataclass
class Sweeps:
    """See the module."""

    place: Place
    gpus: Sequence[Gpu]
    sms: int = 4
    sequence: int = 0
    failed: list[str] = field(default_factory=list)
    """Ids of executions that failed."""

    async def sweep(
        self,
        core: Core,
        fails: Collection[tuple[Gpu, int]] = (),
        probe_type: int = ProbeType.FMA,
        result: int = ProbeResult.FAIL,
    ) -> dict[str, Ack]:
        """Every SM is probed once, `fails` end with `result`; then it is a minute later. Answers by host."""
        batches = self.batches(fails, probe_type, result)
        acks = await asyncio.gather(*(core.report_probes(AGENT, batch) for batch in batches))
        self.place.clock.sleep(PERIOD_S)
        await core.upkeep()
        return {batch.agent_hostname: ack for batch, ack in zip(batches, acks, strict=True)}

    async def sweep_as(self, core: Core, caller: Caller) -> None:
        """A sweep in which everything passes, reported by somebody."""
        for batch in self.batches((), ProbeType.FMA, ProbeResult.FAIL):
            await core.report_probes(caller, batch)

    def batches(self, fails: Collection[tuple[Gpu, int]], probe_type: int, result: int) -> list[ProbeBatch]:
        """One sweep, a batch for each host."""
        self.sequence += 1
        hosts: defaultdict[str, list[ProbeExecution]] = defaultdict(list)
        for gpu in self.gpus:
            for sm_id in range(self.sms):
                ends = result if (gpu, sm_id) in fails else ProbeResult.PASS
                one = self._execution(gpu, sm_id, probe_type, int(ends))
                hosts[gpu.hostname].append(one)
                self.failed += [one.execution_id] if ends == ProbeResult.FAIL else []
        now_ns = self.place.clock.ns
        return [ProbeBatch(host, tuple(ran), self.sequence, now_ns) for host, ran in hosts.items()]

    def _execution(self, gpu: Gpu, sm_id: int, probe_type: int, result: int) -> ProbeExecution:
        name = f"{gpu.uuid}/{sm_id}/{probe_type}/{self.sequence}"
        time_ns = self.place.clock.ns + sm_id
        return ProbeExecution(name, probe_type, gpu, sm_id, result, time_ns=time_ns)


async def state(core: Core, gpu: Gpu) -> HealthState:
    """Where a GPU stands."""
    return (await core.gpu_health(gpu.uuid)).state


async def path(core: Core, gpu: Gpu) -> list[str]:
    """All states a GPU came to."""
    page = await core.history(gpu.uuid, Window(), 10_000)
    return [change.to_state.name for change in page.transitions]


async def findings(core: Core, gpu: Gpu) -> list[Correlation]:
    """All that was found out about a GPU."""
    return list((await core.history(gpu.uuid, Window(), 10_000)).correlations)


async def directives(core: Core, gpu: Gpu) -> list[DirectiveRecord]:
    """All about a GPU, oldest first."""
    page = await core.directives(DirectiveFilter(gpu.uuid))
    return list(reversed(page.directives))
