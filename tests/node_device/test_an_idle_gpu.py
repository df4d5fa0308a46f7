"""A deep run needs a GPU that nobody else computes on; what is our own doing is not taken for a tenant's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.node_service.doubles import GPU, sample

from sentinel_node.device import idle_gpu
from sentinel_node.device.idle_gpu import ECHO_S, IdleGpus
from sentinel_node.domain.errors import Refused
from sentinel_node.domain.leases import Leases
from sentinel_node.domain.probes import Depth, ProbeKind, ProbePlan
from sentinel_node.domain.telemetry import GpuSample

DEEP = ProbePlan(ProbeKind.FMA, GPU.uuid, depth=Depth.DEEP)
BUSY, IDLE = sample(utilization_pct=98.0), sample(utilization_pct=0.0)


class Driver:
    """Answers with one reading after the other; the last one again and again."""

    def __init__(self, *readings: GpuSample, when_asked: Callable[[], object] = lambda: None) -> None:
        self.readings, self.when_asked, self.asked = readings, when_asked, 0

    async def read(self) -> tuple[GpuSample, ...]:
        self.when_asked()
        self.asked += 1
        return (self.readings[min(self.asked, len(self.readings)) - 1],)


class Given:
    """GPUs of which one was probed so long ago."""

    def __init__(self, ago_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        self.slept: list[float] = []
        self.leases = Leases(monotonic_s=lambda: self.now_s)
        with self.leases.held(GPU.uuid, "ada"):
            pass
        self.now_s += ago_s
        monkeypatch.setattr(idle_gpu, "asyncio", self)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def gpus(self, driver: Driver, pids: Callable[[], frozenset[int]] = frozenset) -> IdleGpus:
        return IdleGpus(driver.read, pids, self.leases)


async def test_one_that_our_own_run_kept_busy_just_now_is_looked_at_again(monkeypatch):
    given, driver = Given(0.5, monkeypatch), Driver(BUSY, IDLE)

    await given.gpus(driver).check(DEEP)

    assert (driver.asked, given.slept) == (2, [ECHO_S - 0.5])


async def test_one_that_is_busy_after_that_as_well_is_somebodys(monkeypatch):
    given, driver = Given(0.5, monkeypatch), Driver(BUSY)

    with pytest.raises(Refused, match="98 % busy"):
        await given.gpus(driver).check(DEEP)
    assert driver.asked == 2


async def test_one_that_is_busy_long_after_our_run_is_refused_at_once(monkeypatch):
    given, driver = Given(ECHO_S + 0.1, monkeypatch), Driver(BUSY, IDLE)

    with pytest.raises(Refused):
        await given.gpus(driver).check(DEEP)
    assert (driver.asked, given.slept) == (1, [])


async def test_a_process_of_ours_that_ends_while_the_driver_is_asked_was_ours(monkeypatch):
    ours = {4242}
    driver = Driver(sample(compute_processes=(4242,)), when_asked=ours.clear)

    await Given(0, monkeypatch).gpus(driver, lambda: frozenset(ours)).check(DEEP)


async def test_nobody_is_asked_for_a_light_run(monkeypatch):
    driver = Driver(BUSY)

    await Given(0, monkeypatch).gpus(driver).check(ProbePlan(ProbeKind.FMA, GPU.uuid))

    assert driver.asked == 0
