"""Reads all GPUs now and then: the newest reading of each for the schedule, every one for the gateway.

A driver that hangs keeps its thread and nobody else. While it does, readings grow old, and the schedule then takes
every GPU for busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from sentinel_node.domain import metrics
from sentinel_node.domain.errors import NodeError, Unavailable
from sentinel_node.domain.metrics import Metrics
from sentinel_node.domain.seams import Telemetry
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.scheduling.settings import SchedulingSettings

log = structlog.get_logger(__name__)
Told = Callable[[tuple[GpuSample, ...]], None]


class Collector:
    """See the module."""

    def __init__(self, telemetry: Telemetry, told: Told, metrics_: Metrics, settings: SchedulingSettings) -> None:
        self._telemetry, self._told, self._metrics, self._settings = telemetry, told, metrics_, settings
        self._newest: dict[str, GpuSample] = {}
        self._failing = ""

    def latest(self, gpu_uuid: str) -> GpuSample | None:
        """The newest reading of a GPU, however old; None where there never was one."""
        return self._newest.get(gpu_uuid)

    async def run(self) -> None:
        """Read until cancelled."""
        threads = ThreadPoolExecutor(1, thread_name_prefix="telemetry")
        try:
            while True:
                await self.collect(threads)
                await asyncio.sleep(self._settings.telemetry_every_s)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def collect(self, threads: ThreadPoolExecutor) -> None:
        """Read all GPUs once; a failure is logged once until it ends."""
        try:
            samples = await self._read(threads)
            self._newest.update((sample.gpu.uuid, sample) for sample in samples)
            self._told(samples)
        except NodeError as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001  the border of a reading: one that surprises us ends nothing else
            self._failed(repr(error), error)
        else:
            self._metrics.add(metrics.TELEMETRY_COLLECTIONS)
            if self._failing:
                log.info("telemetry.again", gpus=len(samples))
            self._failing = ""

    def _failed(self, words: str, bug: Exception | None = None) -> None:
        self._metrics.add(metrics.TELEMETRY_ERRORS, source="nvml")
        if self._failing != words:
            log.warning("telemetry.failed", error=words, exc_info=bug)
        self._failing = words

    async def _read(self, threads: ThreadPoolExecutor) -> tuple[GpuSample, ...]:
        within_s = self._settings.telemetry_deadline_s
        reading = asyncio.get_running_loop().run_in_executor(threads, self._telemetry.samples)
        done, _ = await asyncio.wait((reading,), timeout=within_s)
        if not done:
            reading.cancel()
            raise Unavailable(f"the driver did not answer within {within_s:g} s")
        return reading.result()
