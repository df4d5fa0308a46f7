"""The worker of one GPU: looks, decides, runs, and tells. GPUs have one each, so they are probed side by side and the
probes of one GPU never overlap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import structlog

from sentinel_node.domain import metrics
from sentinel_node.domain.errors import Busy, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Outcome, ProbePlan, ProbeReport
from sentinel_node.scheduling.budget import overhead_pct
from sentinel_node.scheduling.conditions import Conditions, Heat, conditions_of, heat_after
from sentinel_node.scheduling.coverage import NO_SMS, active_sms, coverage
from sentinel_node.scheduling.deciding import due, next_look_s
from sentinel_node.scheduling.orders import Orders
from sentinel_node.scheduling.outcomes import after, is_paused, put_off
from sentinel_node.scheduling.parts import Parts
from sentinel_node.scheduling.running import Running
from sentinel_node.scheduling.settings import SchedulingSettings
from sentinel_node.scheduling.state import Due, GpuState, begun, with_heat

log = structlog.get_logger(__name__)
_NS_PER_S = 1e9


class Worker:
    """See the module."""

    def __init__(
        self, gpu: GpuIdentity, orders: Callable[[], Orders], parts: Parts, settings: SchedulingSettings
    ) -> None:
        self._gpu, self._orders, self._parts, self._settings = gpu, orders, parts, settings
        self._running = Running(gpu, parts, settings.grace_s)
        self._changed, self._asleep = asyncio.Event(), False
        self.state: GpuState = begun(gpu, orders().schedule, parts.monotonic_s())

    @property
    def is_asleep(self) -> bool:
        """Whether it waits for the next time to look."""
        return self._asleep

    def wake(self) -> None:
        """Look again at once: the orders changed."""
        self._changed.set()

    async def run(self) -> None:
        """Probe until cancelled."""
        try:
            while True:
                if wait_s := await self._turn_or_rest():
                    await self._slept(wait_s)
        finally:
            self._running.close()

    async def turn(self) -> float:
        """Run what is most urgent, if anything is due; gives how long to wait then, in seconds."""
        now_s, orders = self._parts.monotonic_s(), self._orders()
        conditions = self._looked(now_s)
        self._parts.metrics.set(metrics.PROBE_OVERHEAD, overhead_pct(self.state.spent, now_s), gpu_uuid=self._gpu.uuid)
        if runs := due(self.state, orders, now_s, conditions, self._settings):
            await self._ran(runs[0])
            return 0.0
        wait_s = next_look_s(self.state, orders, now_s, conditions) - now_s
        return min(wait_s, self._settings.look_every_s) if wait_s > 0 else self._settings.look_every_s

    async def _turn_or_rest(self) -> float:
        try:
            return await self.turn()
        except Exception:  # the border of a GPU's work: other GPUs and the agent go on, and this one does after a while
            log.exception("probes.worker_failed", gpu=self._gpu.uuid)
            return self._settings.look_every_s

    def _looked(self, now_s: float) -> Conditions:
        parts, max_age_s = self._parts, self._settings.telemetry_max_age_s
        conditions = conditions_of(parts.latest(self._gpu.uuid), parts.unix_ns(), max_age_s)
        heat = heat_after(self.state.heat, conditions.temperature_c)
        if (heat is Heat.HOT) != (self.state.heat is Heat.HOT):
            event = "probes.too_hot" if heat is Heat.HOT else "probes.cool_again"
            log.warning(event, gpu=self._gpu.uuid, temperature_c=conditions.temperature_c)
        self.state = with_heat(self.state, heat)
        return conditions

    async def _ran(self, run: Due) -> None:
        plan = run.plan(self._gpu.uuid, self._parts.seed())
        try:
            report = await self._carried_out(run, plan)
        except (Busy, Unavailable) as error:
            log.info("probe.put_off", gpu=self._gpu.uuid, probe=plan.kind, reason=str(error))
            self.state = put_off(self.state, self._parts.monotonic_s() + self._settings.busy_retry_s)
            return
        await self._took(run, report)

    async def _carried_out(self, run: Due, plan: ProbePlan) -> ProbeReport:
        """The report of a run. Being cancelled stops it, and what it found by then is taken as of any other."""
        running = asyncio.ensure_future(self._running.run(plan))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._running.stop()
            await asyncio.wait((running,), timeout=self._settings.stop_s)
            if running.done() and not running.cancelled() and running.exception() is None:
                await self._took(run, running.result())
            running.cancel()
            raise

    async def _took(self, run: Due, report: ProbeReport) -> None:
        if not report.sms_present:  # nothing was heard of the run; what memory is told of follows from this number
            report = replace(report, sms_present=self.state.sm_count or self._gpu.sm_count)
        was_paused, now_s = is_paused(self.state, self._settings), self._parts.monotonic_s()
        self.state = after(self.state, run, report, now_s, self._settings)
        self._told(run, report, now_s)
        self._told_of_pause(was_paused, report)
        await self._parts.report(report, self._gpu)

    def _told(self, run: Due, report: ProbeReport, now_s: float) -> None:
        kind, uuid, entry, told = run.entry.kind, self._gpu.uuid, run.entry, self._parts.metrics
        for outcome in Outcome:
            if count := report.count(outcome):
                told.add(metrics.PROBE_EXECUTIONS, count, probe_type=kind, result=outcome)
        took_s = (report.ended_unix_ns - report.started_unix_ns) / _NS_PER_S
        told.observe(metrics.PROBE_LATENCY, max(0.0, took_s), probe_type=kind)
        periods_s = {one.entry: one.period_s for one in self._orders().in_force(now_s)}
        told.set(metrics.ACTIVE_SMS, active_sms(self.state, periods_s, now_s), gpu_uuid=uuid)
        if kind not in NO_SMS and not run.attempt:
            share = coverage(self.state.kinds[kind], entry, run.period_s, self.state.sm_count, now_s)
            told.set(metrics.PROBE_COVERAGE, share, gpu_uuid=uuid, probe_type=kind)
        if report.unplaced:
            found, seed = report.unplaced, report.plan.seed
            log.warning("probe.wrong_words_unplaced", gpu=uuid, probe=kind, seed=seed, found=found)
        if report.outcome is Outcome.FAIL:
            sms = sorted({one.sm for one in report.findings if one.outcome is Outcome.FAIL and one.sm is not None})
            seed, again = report.plan.seed, run.attempt
            log.error("probe.failed", gpu=uuid, probe=kind, sms=sms, seed=seed, attempt=again, notes=report.notes)

    def _told_of_pause(self, was_paused: bool, report: ProbeReport) -> None:  # noqa: FBT001 - how it was before
        paused = is_paused(self.state, self._settings)
        self._parts.metrics.set(metrics.PROBES_PAUSED, float(paused), gpu_uuid=self._gpu.uuid)
        if paused:
            fields = {"timeouts": self.state.timeouts, "pause_s": self._settings.pause_s, "probe": report.plan.kind}
            log.error("probes.paused", gpu=self._gpu.uuid, **fields)
        elif was_paused:
            log.warning("probes.resumed", gpu=self._gpu.uuid)

    async def _slept(self, wait_s: float) -> None:
        self._asleep = True
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        self._changed.clear()
        self._asleep = False
