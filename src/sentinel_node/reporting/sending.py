"""Sends the buffer to the gateway, oldest first, and forgets what was answered.

A batch is answered once it is stored, or refused. Both end it: what a gateway refuses it refuses again. Two refusals
say nothing about the batch and are waited out instead: of the caller (certificate, token, role), and of the connection.
A batch that the gateway cannot even read (INVALID_ARGUMENT ends the whole stream) is found by sending one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from sentinel_sdk.types import ProbeAck, ProbeResultBatch

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

    async def run(self, client: SentinelClient) -> None:
        """Send until the client is closed or this is cancelled."""
        async with client.aprobe_stream(self._settings.hostname, max_unacknowledged=_AT_ONCE) as stream:
            await self._retrying.forever(lambda: self._send(stream))

    async def _send(self, stream: AsyncIngestStream[ProbeResultBatch, ProbeAck]) -> None:
        records = await self._buffered.oldest(1 if self._is_careful else _AT_ONCE)
        done = 0
        try:
            batches = (unpacked(one.number, one.content) for one in records)
            async for ack in stream.send_all(batches, window=self._window):
                await self._answered(records[done], ack)
                done += 1
        except InvalidArgumentError as error:
            await self._unreadable(records[done:], error)

    async def _answered(self, record: Record, ack: ProbeAck) -> None:
        self._retrying.worked()
        self._is_careful = False
        await self._buffered.done(record.number)
        if ack.accepted:
            self._metrics.add(metrics.BATCHES_SENT)
        if ack.rejection_reason or not ack.accepted:
            self._refused(record, ack)
        for one in ack.schedule_overrides:
            if (override := override_of(one)) is not None:
                self._override(override)

    def _refused(self, record: Record, ack: ProbeAck) -> None:
        extent = "part" if ack.accepted else "whole"
        self._metrics.add(metrics.BATCHES_REFUSED, kind="probe", extent=extent)
        reason = ack.rejection_reason or "the gateway gave no reason"
        fields = {"batch": record.number, "extent": extent, "reason": reason, "advice": advice(reason)}
        log.error("probes.refused", **fields)

    async def _unreadable(self, left: Sequence[Record], error: InvalidArgumentError) -> None:
        """One of these ended the stream; where it is the only one, it is given up.

        Raises:
            InvalidArgumentError: it is not known yet which.
        """
        if not self._is_careful:
            self._is_careful = True
            raise error
        await self._buffered.done(left[0].number)
        self._metrics.add(metrics.BATCHES_REFUSED, kind="probe", extent="whole")
        log.error("probes.unreadable", batch=left[0].number, error=str(error))
