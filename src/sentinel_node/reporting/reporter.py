"""Everything between this node and the gateway, to be run as one: results, samples, configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

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
from sentinel_sdk.errors import InvalidArgumentError
from sentinel_sdk.ingest import key_of


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
        client = await connected(self._settings)
        async with client, asyncio.TaskGroup() as group:
            group.create_task(self._batcher.run())
            group.create_task(probes.run(client))
            group.create_task(self._telemetry.run(client))
            group.create_task(configuration.run(client))
