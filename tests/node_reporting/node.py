"""A node that reports: reports as probes give them, somebody who is steered, and a gateway in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.node_scheduling.workers import Remembered
from tests.sentinel_gateway.driving import settings as gateway_settings

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import Running, running_gateway
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Finding, Mismatch, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.domain.schedule import DEFAULT, Override, Schedule
from sentinel_node.reporting.reporter import Reporter
from sentinel_node.reporting.settings import BatchSettings, BufferSettings, GatewaySettings
from sentinel_node.reporting.spool import Spool
from sentinel_sdk import SentinelClient

HOST, WITHIN_S = "node-1", 30.0
GPU = GpuIdentity(
    uuid="GPU-11111111-2222-3333-4444-555555555555",
    index=3,
    pci_bus_id="0000:9b:00.0",
    model="NVIDIA H100 80GB HBM3",
    driver_version="550.54.15",
    vbios_version="96.00.74.00.01",
)
RIGHT, WRONG = bytes(32), bytes([1] * 32)


def finding(outcome: Outcome = Outcome.PASS, sm: int | None = 0, variant: str = "", **fields: Any) -> Finding:
    """How one SM did."""
    is_wrong = outcome is Outcome.FAIL
    mismatch = Mismatch(8, b"\0\0\0\0", b"\1\0\0\0", (0,)) if is_wrong else None
    made = Finding(
        outcome, sm, variant, expected_hash=RIGHT, actual_hash=WRONG if is_wrong else RIGHT, mismatch=mismatch
    )
    return replace(made, **fields)


def report(*findings: Finding, kind: ProbeKind = ProbeKind.FMA, age_s: float = 0, sms: int = 132) -> ProbeReport:
    """A run that ended so long ago; one SM that passed where nothing is said."""
    ended_ns = time.time_ns() - int(age_s * 1e9)
    return ProbeReport(
        plan=ProbePlan(kind, GPU.uuid, seed=1),
        findings=findings or (finding(),),
        sms_present=sms,
        started_unix_ns=ended_ns - 10**6,
        ended_unix_ns=ended_ns,
        gpu_clock_mhz=1755,
        temperature_c=61.5,
        power_w=312.5,
    )


@dataclass
class Steered:
    """Remembers what it was told to do."""

    overrides: list[Override] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    budgets: list[float] = field(default_factory=list)

    def override(self, override: Override) -> None:
        self.overrides.append(override)

    def replace(self, schedule: Schedule) -> None:
        self.schedules.append(schedule)

    def limit(self, budget_pct: float) -> None:
        self.budgets.append(budget_pct)


@dataclass
class Node:
    """One agent's reporting."""

    folder: Path
    settings: GatewaySettings
    metrics: Remembered = field(default_factory=Remembered)
    steered: Steered = field(default_factory=Steered)

    @asynccontextmanager
    async def running(self, within_s: float = 0.01) -> AsyncIterator[Reporter]:
        """Report until the block ends; then what is still to be sent stays in the buffer."""
        with Spool(BufferSettings(self.folder / "buffer")) as spool:
            reporter = Reporter(spool, self.settings, self.metrics, BatchSettings(within_s=within_s))
            task = asyncio.ensure_future(reporter.run(DEFAULT, self.steered))
            try:
                yield reporter
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def depth(self) -> int:
        """How many batches wait, while nobody reports."""
        with Spool(BufferSettings(self.folder / "buffer")) as spool:
            return spool.depth


def node(folder: Path, port: int, **changed: Any) -> Node:
    """A node that tries again quickly."""
    known = GatewaySettings(f"127.0.0.1:{port}", HOST, first_backoff_s=0.01, longest_backoff_s=0.05)
    return Node(folder, replace(known, **changed))


@asynccontextmanager
async def gateway(
    folder: Path, groups: Groups | None = None, *, port: int = 0, now_ns: Callable[[], int] = time.time_ns
) -> AsyncIterator[Running]:
    """A gateway where everybody is admin and agent."""
    wanted: Groups = {**(groups or {}), "grpc": {"listen": f"127.0.0.1:{port}", "grace_seconds": 1}}
    async with running_gateway(gateway_settings(folder, wanted), now_ns=now_ns) as running:
        yield running


async def counted(port: int) -> tuple[int, int]:
    """How many passes and failures of the GPU a gateway has counted."""
    async with await SentinelClient.aconnect(f"127.0.0.1:{port}", tls_config=False) as client:
        health = await client.aquery_gpu_health(GPU.uuid)
    return health.probe_pass_count, health.probe_fail_count


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.002)
