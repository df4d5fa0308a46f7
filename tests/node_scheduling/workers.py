"""A node for the scheduler: a prober that does what a test writes, metrics that remember, a clock that is moved."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.node_scheduling.gpu import identity, report_of

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.leases import Leases
from sentinel_node.domain.probes import ProbePlan, ProbeReport
from sentinel_node.domain.schedule import DEFAULT, Schedule
from sentinel_node.domain.seams import ProbeWatch
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.scheduling.orders import Orders
from sentinel_node.scheduling.parts import Parts
from sentinel_node.scheduling.settings import SchedulingSettings
from sentinel_node.scheduling.worker import Worker

QUICK = SchedulingSettings(grace_s=0.0, first_run_allowance_s=0.0)


class Remembered:
    """Metrics by name and labels."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)
        """How often each was set."""

    def add(self, name: str, value: float = 1, **labels: str) -> None:
        self.values[name, *labels.values()] += value

    def set(self, name: str, value: float, **labels: str) -> None:
        self.counts[name] += 1
        self.values[name, *labels.values()] = value

    def observe(self, name: str, value: float, **labels: str) -> None:
        self.values[name, *labels.values()] = value


@dataclass
class Node:
    """See the module."""

    carry_out: Callable[[ProbePlan, ProbeWatch], ProbeReport] = lambda plan, _: report_of(plan)
    now_s: float = 1000.0
    leases: Leases = field(default_factory=Leases)
    metrics: Remembered = field(default_factory=Remembered)
    plans: list[ProbePlan] = field(default_factory=list)
    reports: list[ProbeReport] = field(default_factory=list)
    samples: dict[str, GpuSample] = field(default_factory=dict)
    now: Callable[[], tuple[GpuSample, ...]] = tuple
    """What the driver says when it is asked."""
    probe_pids: Callable[[], frozenset[int]] = lambda: frozenset({43})

    def gpus(self) -> tuple[GpuIdentity, ...]:
        return (identity(0), identity(1))

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        self.plans.append(plan)
        return self.carry_out(plan, watch)

    async def read(self) -> tuple[GpuSample, ...]:
        return self.now()

    async def report(self, report: ProbeReport, gpu: GpuIdentity) -> None:
        self.reports.append(report)

    def parts(self) -> Parts:
        """What workers are given."""
        return Parts(
            prober=self,
            leases=self.leases,
            latest=self.samples.get,
            read=self.read,
            report=self.report,
            metrics=self.metrics,
            monotonic_s=lambda: self.now_s,
            unix_ns=time.time_ns,
            seed=lambda: len(self.plans) + 1,
            own_pid=42,
            probe_pids=lambda: self.probe_pids(),
        )

    def worker(self, schedule: Schedule = DEFAULT, settings: SchedulingSettings = QUICK) -> Worker:
        """The worker of the first GPU, with everything due at once."""
        worker = Worker(identity(0), lambda: Orders(schedule, 2.0), self.parts(), settings)
        self.now_s += 10_000
        return worker


def hanging(until: threading.Event) -> Callable[[ProbePlan, ProbeWatch], ProbeReport]:
    """A probe that does not come back before a test says so."""

    def run(plan: ProbePlan, _: ProbeWatch) -> ProbeReport:
        until.wait(30)
        return report_of(plan)

    return run


async def until(done: Callable[[], bool], each: Callable[[], object] = lambda: None) -> None:
    """Wait until something is so that threads bring about; `each`: done in between."""
    async with asyncio.timeout(20):
        while not done():
            each()
            await asyncio.sleep(0.001)
