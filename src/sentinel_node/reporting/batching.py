"""Results become batches, and batches are in the buffer before anybody tries to send them.

A batch holds at most 100 results and is closed half a second after its first; a report with a FAIL is written at once,
and so that it survives the machine losing power. Executions are signed here and not when they are sent: what is sent
again after a restart is then the same to the last bit, which is how the gateway knows it again, and nobody who can
write to the folder can make results up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from sentinel.v1 import probe_pb2
from sentinel_node.domain import metrics
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.metrics import Metrics
from sentinel_node.domain.probes import ProbeReport
from sentinel_node.reporting.executions import executions_of
from sentinel_node.reporting.packing import packed
from sentinel_node.reporting.settings import BatchSettings
from sentinel_node.reporting.spool import Spool
from sentinel_sdk.ids import uuid7
from sentinel_sdk.signing import Key, sign_messages

log = structlog.get_logger(__name__)


class Batcher:
    """See the module; used from one event loop."""

    def __init__(
        self, spool: Spool, hostname: str, key: Key | None, settings: BatchSettings, metrics_: Metrics
    ) -> None:
        self._spool, self._hostname, self._key = spool, hostname, key
        self._settings, self._metrics = settings, metrics_
        self._waiting: list[probe_pb2.ProbeExecution] = []
        self._any, self._many, self.written = asyncio.Event(), asyncio.Event(), asyncio.Event()
        """`written`: set whenever a batch was put into the buffer; whoever sends clears it."""
        self._writing = asyncio.Lock()
        self._dropped = 0

    async def report(self, report: ProbeReport, gpu: GpuIdentity) -> None:
        """Take a report; one with a FAIL is on the disk when this returns."""
        result = executions_of(report, gpu, self._hostname, uuid7)
        if result.not_run:
            fields = {"gpu": gpu.uuid, "probe": report.plan.kind, "sms": result.not_run}
            log.info("probe.sms_not_reached", **fields)
        if result.unplaced:
            fields = {"gpu": gpu.uuid, "outcome": report.outcome, "findings": result.unplaced}
            log.warning("probe.memory_not_reported", reason="the number of SMs is unknown", **fields)
        self._waiting.extend(result.messages)
        if result.has_failed:
            await self._write(len(self._waiting), durable=True)
        elif self._waiting:
            self._any.set()
            if len(self._waiting) >= self._settings.most:
                self._many.set()

    async def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            await self._write(len(self._waiting), durable=True)

    async def run(self) -> None:
        """Close batches in time until cancelled; what waits then is written."""
        try:
            while True:
                await self._any.wait()
                try:
                    async with asyncio.timeout(self._settings.within_s):
                        await self._many.wait()
                    whole = len(self._waiting) // self._settings.most * self._settings.most
                except TimeoutError:
                    whole = len(self._waiting)
                await self._write(whole)
        finally:
            await self._write(len(self._waiting), durable=True)

    async def _write(self, count: int, *, durable: bool = False) -> None:
        """Put the oldest `count` results into the buffer; one that is cancelled meanwhile ends when they are there."""
        async with self._writing:
            keeping = asyncio.ensure_future(asyncio.to_thread(self._keep, self._taken(count), durable=durable))
            try:
                await asyncio.shield(keeping)
            except asyncio.CancelledError:
                await keeping
                raise
        self._tell()
        self.written.set()

    def _taken(self, count: int) -> list[bytes]:
        """The oldest `count` results as batches."""
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        if not self._waiting:
            self._any.clear()
        if len(self._waiting) < self._settings.most:
            self._many.clear()
        most = self._settings.most
        return [self._encoded(taken[first : first + most]) for first in range(0, len(taken), most)]

    def _encoded(self, executions: Sequence[probe_pb2.ProbeExecution]) -> bytes:
        """A batch but for its number, which the buffer gives it."""
        if self._key is not None:
            sign_messages(executions, self._key)
        batch = probe_pb2.ProbeResultBatch(agent_hostname=self._hostname, executions=executions)
        batch.batch_timestamp.CopyFrom(executions[-1].timestamp)
        return packed(batch)

    def _keep(self, batches: Sequence[bytes], *, durable: bool) -> None:
        for batch in batches:
            try:
                self._spool.append(batch, durable=durable)
            except Unavailable as error:
                self._metrics.add(metrics.BUFFER_LOST, reason="disk")
                log.error("buffer.not_written", error=str(error))  # noqa: TRY400 - the trace says no more

    def _tell(self) -> None:
        self._metrics.set(metrics.BUFFER_DEPTH, self._spool.depth)
        self._metrics.set(metrics.BUFFER_BYTES, self._spool.size_bytes)
        if more := self._spool.dropped - self._dropped:
            self._metrics.add(metrics.BUFFER_LOST, more, reason="room")
            self._dropped = self._spool.dropped
