"""All workers of the node, and the orders they share. This is what the app wires and what the gateway steers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from sentinel_node.domain import metrics
from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import ProbeKind
from sentinel_node.domain.schedule import Override, Schedule, checked
from sentinel_node.scheduling.orders import Orders
from sentinel_node.scheduling.parts import Parts
from sentinel_node.scheduling.settings import SchedulingSettings
from sentinel_node.scheduling.worker import Worker

log = structlog.get_logger(__name__)


class Scheduler:
    """A `Steering` that probes; its methods are called from the event loop."""

    def __init__(self, settings: SchedulingSettings, parts: Parts) -> None:
        self._settings, self._parts = settings, parts
        self._orders = Orders(checked(settings.schedule), settings.budget_pct)
        self._workers: tuple[Worker, ...] = ()

    @property
    def orders(self) -> Orders:
        """What is to run now."""
        return self._orders

    def workers_asleep(self) -> int:
        """How many GPUs have nothing to do just now."""
        return sum(worker.is_asleep for worker in self._workers)

    async def run(self, gpus: Sequence[GpuIdentity]) -> None:
        """Probe these GPUs until cancelled; MIG ones are left out, because their SM numbers are a partition's."""
        whole = [gpu for gpu in gpus if not gpu.is_partitioned]
        for gpu in gpus:
            if gpu.is_partitioned:
                log.warning("probes.not_on_mig", gpu=gpu.uuid, index=gpu.index)
        self._parts.metrics.set(metrics.GPU_COUNT, len(gpus))
        self._workers = tuple(Worker(gpu, lambda: self._orders, self._parts, self._settings) for gpu in whole)
        async with asyncio.TaskGroup() as group:
            for worker in self._workers:
                group.create_task(worker.run())

    def override(self, override: Override) -> None:
        """See `Steering`. A probe that is not in the schedule stays out: the operator left it out on purpose."""
        if override.kind not in self._kinds():
            log.info("schedule.override_ignored", probe=override.kind, reason="it is not in this node's schedule")
            return
        log.info("schedule.overridden", probe=override.kind, period_s=override.period_s, duration_s=override.duration_s)
        self._change(self._orders.with_override(override, self._parts.monotonic_s()))

    def replace(self, schedule: Schedule) -> None:
        """See `Steering`; overrides go on until their time is over."""
        entries = checked(schedule)
        log.info("schedule.replaced", probes=[entry.kind for entry in entries])
        self._change(replace(self._orders, schedule=entries))

    def limit(self, budget_pct: float) -> None:
        """See `Steering`.

        Raises:
            Invalid: it is not from 0 to 100.
        """
        if not 0 <= budget_pct <= 100:
            raise Invalid(f"the overhead budget must be from 0 to 100 percent, not {budget_pct!r}")
        log.info("schedule.budget", budget_pct=budget_pct)
        self._change(replace(self._orders, budget_pct=budget_pct))

    def _kinds(self) -> frozenset[ProbeKind]:
        return frozenset(entry.kind for entry in self._orders.schedule)

    def _change(self, orders: Orders) -> None:
        self._orders = orders
        for worker in self._workers:
            worker.wake()
