"""All workers of the node, and the orders they share. This is what the app wires and what the gateway steers.

GPUs come and go while the agent runs: one is reset, or was being reset when the agent started. So the list is followed.
What was learnt of a GPU that has gone is kept for its return: a pause after timeouts is not over by a reset list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import structlog

from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import ProbeKind
from sentinel_node.domain.schedule import Override, Schedule, checked
from sentinel_node.scheduling.orders import Orders
from sentinel_node.scheduling.parts import Parts
from sentinel_node.scheduling.settings import SchedulingSettings
from sentinel_node.scheduling.state import GpuState
from sentinel_node.scheduling.worker import Worker

log = structlog.get_logger(__name__)


class Scheduler:
    """A `Steering` that probes; its methods are called from the event loop."""

    def __init__(self, settings: SchedulingSettings, parts: Parts) -> None:
        self._settings, self._parts = settings, parts
        self._orders = Orders(checked(settings.schedule), settings.budget_pct)
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._known: dict[str, GpuState] = {}

    @property
    def orders(self) -> Orders:
        """What is to run now."""
        return self._orders

    def workers_asleep(self) -> int:
        """How many GPUs have nothing to do just now."""
        return sum(worker.is_asleep for worker in self._workers.values())

    async def run(self, lists: AsyncIterator[Sequence[GpuIdentity]]) -> None:
        """Probe the GPUs of the newest list until cancelled; MIG ones are left out, as SM numbers are a partition's."""
        async with asyncio.TaskGroup() as group:
            async for gpus in lists:
                self._follow({gpu.uuid: gpu for gpu in gpus if not gpu.is_partitioned}, group)

    def _follow(self, gpus: dict[str, GpuIdentity], group: asyncio.TaskGroup) -> None:
        for uuid in self._workers.keys() - gpus.keys():
            log.warning("probes.gpu_gone", gpu=uuid, reason="the driver does not list it, or MIG is on")
            self._known[uuid] = self._workers.pop(uuid).state
            self._tasks.pop(uuid).cancel()
        for uuid in gpus.keys() - self._workers.keys():
            log.info("probes.gpu_there", gpu=uuid, index=gpus[uuid].index)
            worker = Worker(gpus[uuid], lambda: self._orders, self._parts, self._settings)
            if (known := self._known.pop(uuid, None)) is not None:
                worker.state = replace(known, gpu=gpus[uuid])
            self._workers[uuid] = worker
            self._tasks[uuid] = group.create_task(worker.run())

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
        for worker in self._workers.values():
            worker.wake()
