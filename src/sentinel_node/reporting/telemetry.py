"""Sends samples to the gateway. Nothing of them is kept on disk: the gateway keeps the newest of each GPU and no other,
so of what could not be sent only the newest is worth sending, and counters go on counting meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from sentinel.v1 import telemetry_pb2
from sentinel_node.domain import metrics
from sentinel_node.domain.metrics import Metrics
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.reporting.readings import reading_of
from sentinel_node.reporting.retrying import Retrying
from sentinel_node.reporting.settings import GatewaySettings
from sentinel_sdk import SentinelClient, SentinelError
from sentinel_sdk.ingest_awaiting import AsyncIngestStream
from sentinel_sdk.types import TelemetryAck, TelemetryBatch

log = structlog.get_logger(__name__)


class TelemetrySender:
    """See the module; used from one event loop."""

    def __init__(self, settings: GatewaySettings, metrics_: Metrics) -> None:
        self._settings, self._metrics = settings, metrics_
        self._retrying = Retrying("telemetry", settings, metrics_)
        self._waiting: dict[str, GpuSample] = {}
        self._any = asyncio.Event()

    def samples(self, samples: Iterable[GpuSample]) -> None:
        """Take samples; each replaces an older one of its GPU that was not sent yet. A lost GPU has none to send."""
        self._waiting.update((one.gpu.uuid, one) for one in samples if not one.lost)
        if self._waiting:
            self._any.set()

    async def run(self, client: SentinelClient) -> None:
        """Send until the client is closed or this is cancelled."""
        async with client.atelemetry_stream(self._settings.hostname, max_unacknowledged=1) as stream:
            await self._retrying.forever(lambda: self._send(stream))

    async def _send(self, stream: AsyncIngestStream[TelemetryBatch, TelemetryAck]) -> None:
        await self._any.wait()
        samples, self._waiting = self._waiting, {}
        self._any.clear()
        try:
            ack = await stream.send(_batch(samples.values(), self._settings.hostname))
        except SentinelError:
            self._waiting = samples | self._waiting
            self._any.set()
            raise
        self._retrying.worked()
        if not ack.accepted:
            self._metrics.add(metrics.BATCHES_REFUSED, kind="telemetry", extent="whole")
            log.error("telemetry.refused", gpus=len(samples), advice="the gateway's ledger says why: ingest.refused")


def _batch(samples: Iterable[GpuSample], hostname: str) -> TelemetryBatch:
    reports = [reading_of(sample, hostname) for sample in samples]
    message = telemetry_pb2.TelemetryBatch(agent_hostname=hostname, reports=reports)
    return TelemetryBatch.from_proto(message)
