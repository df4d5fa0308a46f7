"""Sends the buffer to the gateway, oldest first, and forgets what was answered.

A batch is answered once it is stored, or refused. Both end it: what a gateway refuses it refuses again. Two refusals
say nothing about the batch and are waited out instead: of the caller (certificate, token, role), and of the connection.
INVALID_ARGUMENT ends the whole stream, and may be about one batch or about everything that we send (another version, a
limit that was lowered). So the oldest batch is then sent by itself, and given up only where the gateway answers another
one meanwhile; otherwise it waits, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import structlog

from sentinel_node.domain import metrics
from sentinel_node.domain.metrics import Metrics
from sentinel_node.domain.schedule import Override
from sentinel_node.reporting.buffered import Buffered
from sentinel_node.reporting.configuring import override_of
from sentinel_node.reporting.packing import unpacked
from sentinel_node.reporting.refusals import advice
from sentinel_node.reporting.retrying import Retrying
from sentinel_node.reporting.segments import Record
from sentinel_node.reporting.settings import BatchSettings, GatewaySettings
from sentinel_sdk import SentinelClient
from sentinel_sdk.errors import InvalidArgumentError
from sentinel_sdk.ingest_awaiting import AsyncIngestStream
from sentinel_sdk.types import ProbeAck, ProbeResult, ProbeResultBatch

log = structlog.get_logger(__name__)
_AT_ONCE = 64
"""Records that are read from the buffer together."""


class ProbeSender:
    """See the module."""

    def __init__(
        self,
        buffered: Buffered,
        settings: GatewaySettings,
        batches: BatchSettings,
        override: Callable[[Override], None],
        metrics_: Metrics,
    ) -> None:
        self._buffered, self._settings, self._window = buffered, settings, batches.window
        self._override, self._metrics = override, metrics_
        self._retrying = Retrying("probes", settings, metrics_)
        self._is_careful = False
        self._asked = 0
        """How many others were sent to learn whether a batch is at fault."""

    async def run(self, client: SentinelClient) -> None:
        """Send until the client is closed or this is cancelled."""
        async with client.aprobe_stream(self._settings.hostname, max_unacknowledged=_AT_ONCE) as stream:
            await self._retrying.forever(lambda: self._send(stream))

    async def _send(self, stream: AsyncIngestStream[ProbeResultBatch, ProbeAck]) -> None:
        records = await self._buffered.oldest(_AT_ONCE)
        if self._is_careful:
            await self._send_oldest(stream, records)
            return
        done = 0
        try:
            async for ack in stream.send_all(_batches(records), window=self._window):
                await self._answered(records[done], ack)
                done += 1
        except InvalidArgumentError:
            self._is_careful = True
            raise

    async def _send_oldest(
        self, stream: AsyncIngestStream[ProbeResultBatch, ProbeAck], records: Sequence[Record]
    ) -> None:
        """Send the oldest by itself, and give it up where it ends the stream and another one does not.

        Which other is taken in turn, for it may be at fault as well. It is not done with that: what lies between is not
        sent yet, so it is sent again in its turn, and counted once.

        Raises:
            InvalidArgumentError: it is not known whether the batch is at fault.
        """
        oldest, others = records[0], records[1:]
        try:
            async for ack in stream.send_all(_batches([oldest]), window=1):
                await self._answered(oldest, ack)
        except InvalidArgumentError as error:
            if not others:
                raise
            other = others[self._asked % len(others)]
            self._asked += 1
            async for ack in stream.send_all(_batches([other]), window=1):
                await self._give_up(oldest, error)
                self._overridden(ack)

    async def _answered(self, record: Record, ack: ProbeAck) -> None:
        self._retrying.worked()
        self._is_careful = False
        await self._buffered.done(record.number)
        if ack.accepted:
            self._metrics.add(metrics.BATCHES_SENT)
        if ack.rejection_reason or not ack.accepted:
            self._refused(record, ack)
        self._overridden(ack)

    def _overridden(self, ack: ProbeAck) -> None:
        for one in ack.schedule_overrides:
            if (override := override_of(one)) is not None:
                self._override(override)

    def _refused(self, record: Record, ack: ProbeAck) -> None:
        extent = "part" if ack.accepted else "whole"
        self._metrics.add(metrics.BATCHES_REFUSED, kind="probe", extent=extent)
        reason = ack.rejection_reason or "the gateway gave no reason"
        fields = {"batch": record.number, "extent": extent, "reason": reason, "advice": advice(reason)}
        log.error("probes.refused", **fields)

    async def _give_up(self, record: Record, error: InvalidArgumentError) -> None:
        self._retrying.worked()
        self._is_careful = False
        await self._buffered.done(record.number)
        self._metrics.add(metrics.BATCHES_REFUSED, kind="probe", extent="whole")
        executions = unpacked(record.number, record.content).executions
        failures = sum(one.result is ProbeResult.FAIL for one in executions)
        fields = {"batch": record.number, "results": len(executions), "failures": failures}
        log.error("probes.unreadable", error=str(error), **fields)


def _batches(records: Iterable[Record]) -> Iterable[ProbeResultBatch]:
    return (unpacked(one.number, one.content) for one in records)
