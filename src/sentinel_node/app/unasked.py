"""What the node does without being asked: reading telemetry, running the schedule, reporting both to the gateway."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from sentinel_node.app.machine import node_name, own_pids
from sentinel_node.app.settings import Settings
from sentinel_node.domain.errors import BadConfiguration, NodeError
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.metrics import GPU_COUNT, Metrics
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import Depth, ProbeReport
from sentinel_node.domain.schedule import Override, Schedule
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.reporting.reporter import Reporter
from sentinel_node.reporting.settings import MIB, BufferSettings, GatewaySettings
from sentinel_node.reporting.spool import Spool
from sentinel_node.reporting.token import TokenFile
from sentinel_node.scheduling.collecting import Collector
from sentinel_node.scheduling.parts import Parts
from sentinel_node.scheduling.scheduler import Scheduler
from sentinel_node.scheduling.settings import LEAST_MAX_AGE_S, SchedulingSettings
from sentinel_node.service.node_service import Machine
from sentinel_sdk import InvalidArgumentError, TlsConfig

log = structlog.get_logger(__name__)

_LOOK_FOR_GPUS_S = 30.0
_READINGS = 3


class NoSchedule:
    """A `Steering` of a node that runs no probes by itself: what is meant for schedules is heard and left alone."""

    def override(self, override: Override) -> None:
        """There is nothing to override."""

    def replace(self, schedule: Schedule) -> None:
        """The operator switched schedules off, or there is no CUDA: nothing starts by being pushed."""
        log.info("schedule.ignored", reason="this node runs no probes by itself", probes=[one.kind for one in schedule])

    def limit(self, budget_pct: float) -> None:
        """Nothing takes time here."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """See the module."""

    machine: Machine
    settings: SchedulingSettings
    metrics: Metrics
    reporter: Reporter | None
    know: Callable[[Iterable[GpuIdentity]], None]
    """Told which GPUs there are, with every reading."""

    async def run(self) -> None:
        """Read, probe and report until cancelled."""
        collector = Collector(self.machine.sources.telemetry.thing(), self._read, self.metrics, self.settings)
        steering = Scheduler(self.settings, self._parts(collector)) if self._has_schedule else NoSchedule()
        async with asyncio.TaskGroup() as group:
            group.create_task(collector.run(), name="telemetry")
            if self.reporter is not None:
                group.create_task(self.reporter.run(self.settings.schedule, steering), name="reports")
            if isinstance(steering, Scheduler):
                group.create_task(self._probe(steering), name="schedule")

    async def probed(self, report: ProbeReport, gpu: GpuIdentity) -> None:
        """Hand a report on to the gateway."""
        if self.reporter is not None:
            await self.reporter.report(report, gpu)

    @property
    def _has_schedule(self) -> bool:
        return bool(self.settings.schedule) and self.machine.allowed is not Allowed.OFF and self.machine.prober.is_there

    async def _probe(self, scheduler: Scheduler) -> None:
        log.info("schedule.begun", probes=[one.kind for one in self.settings.schedule])
        async with aclosing(self._lists()) as lists:
            await scheduler.run(lists)

    async def _lists(self) -> AsyncGenerator[tuple[GpuIdentity, ...], None]:
        """The GPUs, again and again: a driver may be installed after us, and a GPU be reset. No answer is no list."""
        failing = ""
        while True:
            try:
                gpus = await self.machine.prober.ask(lambda prober: prober.gpus())
            except Exception as error:  # the border of a look: the next one may do better, whatever it was
                if failing != (failing := repr(error)):
                    bug = None if isinstance(error, NodeError) else error
                    log.warning("schedule.gpus_unknown", reason=str(error), exc_info=bug)
            else:
                failing = ""
                yield gpus
            await asyncio.sleep(_LOOK_FOR_GPUS_S)

    def _parts(self, collector: Collector) -> Parts:
        return Parts(
            prober=self.machine.prober.thing(),
            leases=self.machine.leases,
            latest=collector.latest,
            read=lambda: self.machine.sources.telemetry.ask(lambda telemetry: telemetry.samples()),
            report=self.probed,
            metrics=self.metrics,
            monotonic_s=time.monotonic,
            unix_ns=self.machine.now_ns,
            seed=self.machine.draw_seed,
            own_pid=os.getpid(),
            probe_pids=own_pids,
        )

    def _read(self, samples: tuple[GpuSample, ...]) -> None:
        self.metrics.set(GPU_COUNT, sum(not sample.lost for sample in samples))
        self.know(sample.gpu for sample in samples)
        if self.reporter is not None:
            self.reporter.samples(samples)


def scheduling_of(settings: Settings) -> SchedulingSettings:
    """When probes run by themselves; deep entries run light where deep probes are not allowed.

    A reading counts until the third after it is due, so that one or two that fail or are late change nothing.
    """
    schedule = settings.schedule.schedule
    if settings.probes is not Allowed.DEEP:
        schedule = tuple(replace(entry, depth=Depth.LIGHT) for entry in schedule)
    return SchedulingSettings(
        schedule=schedule,
        budget_pct=settings.overhead_budget_pct,
        stop_s=settings.stop_grace_seconds,
        telemetry_every_s=settings.telemetry_seconds,
        telemetry_max_age_s=max(LEAST_MAX_AGE_S, _READINGS * settings.telemetry_seconds),
    )


def reporter_of(settings: Settings, metrics: Metrics, opened: ExitStack) -> Reporter | None:
    """What reports to the gateway, if one is set; `opened` closes its buffer.

    Raises:
        BadConfiguration: a file cannot be read, or the buffer's folder cannot be used.
    """
    if not settings.gateway:
        return None
    spool = opened.enter_context(Spool(BufferSettings(settings.buffer_dir, settings.buffer_mib * MIB)))
    return Reporter(spool, gateway_of(settings), metrics)


def gateway_of(settings: Settings) -> GatewaySettings:
    """How the gateway is reached, with all files read once.

    Raises:
        BadConfiguration: one of them cannot be used.
    """
    paths = (settings.gateway_ca_file, settings.gateway_cert_file, settings.gateway_key_file)
    tls = None if settings.gateway_plaintext else TlsConfig(*(str(path) if path else None for path in paths))
    try:
        if tls is not None:
            tls.material()
    except InvalidArgumentError as error:
        raise BadConfiguration(f"the certificates for the gateway cannot be used: {error}") from error
    return GatewaySettings(
        endpoint=settings.gateway,
        hostname=node_name(settings),
        tls=tls,
        token=TokenFile(settings.gateway_token_file) if settings.gateway_token_file else None,
        hmac_key=_key(settings.hmac_key_file),
    )


def _key(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"hmac_key_file {str(path)!r} cannot be read: {error}") from error
