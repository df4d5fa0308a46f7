"""Everything between this node and the gateway, to be run as one: results, samples, configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable

import structlog

from sentinel_node.domain.errors import BadConfiguration
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.metrics import Metrics
from sentinel_node.domain.probes import ProbeReport
from sentinel_node.domain.schedule import Schedule, Steering
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.reporting.batching import Batcher
from sentinel_node.reporting.buffered import Buffered
from sentinel_node.reporting.configuring import ConfigFollower
from sentinel_node.reporting.retrying import connected
from sentinel_node.reporting.sending import ProbeSender
from sentinel_node.reporting.settings import BatchSettings, GatewaySettings
from sentinel_node.reporting.spool import Spool
from sentinel_node.reporting.telemetry import TelemetrySender
from sentinel_sdk import SentinelClient
from sentinel_sdk.errors import InvalidArgumentError
from sentinel_sdk.ingest import key_of

log = structlog.get_logger(__name__)

_AGAIN_S = 5.0
Stream = Callable[[SentinelClient], Coroutine[None, None, None]]


class Reporter:
    """See the module; used from one event loop.

    `report` and `samples` may be called before `run` and while the gateway is away: what they are given waits.
    """

    def __init__(
        self, spool: Spool, settings: GatewaySettings, metrics_: Metrics, batches: BatchSettings | None = None
    ) -> None:
        """`spool` stays the caller's to close, after `run` has ended.

        Raises:
            BadConfiguration: the key cannot sign.
        """
        try:
            key = key_of(settings.hmac_key)
        except InvalidArgumentError as error:
            raise BadConfiguration(str(error)) from error
        self._spool, self._settings, self._metrics = spool, settings, metrics_
        self._batches = batches or BatchSettings()
        self._batcher = Batcher(spool, settings.hostname, key, self._batches, metrics_)
        self._telemetry = TelemetrySender(settings, metrics_)

    async def report(self, report: ProbeReport, gpu: GpuIdentity) -> None:
        """Take a probe report; one with a FAIL is on the disk when this returns."""
        await self._batcher.report(report, gpu)

    async def flush(self) -> None:
        """Put everything that was reported into the buffer; for what came after `run` ended."""
        await self._batcher.flush()

    def samples(self, samples: Iterable[GpuSample]) -> None:
        """Take samples; only the newest of each GPU is sent."""
        self._telemetry.samples(samples)

    async def run(self, own: Schedule, steering: Steering) -> None:
        """Send until cancelled; `own` is the schedule the agent was started with, `steering` runs it.

        Raises:
            BadConfiguration: endpoint, certificates or token cannot be used.
        """
        buffered = Buffered(self._spool, self._batcher.written, self._metrics)
        probes = ProbeSender(buffered, self._settings, self._batches, steering.override, self._metrics)
        configuration = ConfigFollower(self._settings, own, steering, self._metrics)
        streams = (probes.run, self._telemetry.run, configuration.run)
        client = await connected(self._settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._batcher.run())
            while True:
                await self._until_renewed(client, streams)
                client = await self._connected_again()

    async def _until_renewed(self, client: SentinelClient, streams: Iterable[Stream]) -> None:
        """Send until there is another token; what is not acknowledged by then is sent again with that one."""
        async with client, asyncio.TaskGroup() as group:
            tasks = [group.create_task(stream(client)) for stream in streams]
            await self._renewed()
            for task in tasks:
                task.cancel()

    async def _connected_again(self) -> SentinelClient:
        """A client with the newest token. Files that are being replaced just now are waited for."""
        while True:
            try:
                return await connected(self._settings)
            except BadConfiguration as error:
                log.warning("gateway.not_connected_again", reason=str(error), retry_in_s=_AGAIN_S)
                await asyncio.sleep(_AGAIN_S)

    async def _renewed(self) -> None:
        if self._settings.token is None:
            await asyncio.Event().wait()  # certificates are followed by the client itself
        else:
            await self._settings.token.changed()
