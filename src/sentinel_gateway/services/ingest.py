"""What agents and monitors report: probes, anomalies, telemetry, results of TMR canaries; and which canaries to run.

A batch is acknowledged once it is stored, in the order in which batches came.
"""

# ruff: noqa: N802  methods are named as on the wire

from __future__ import annotations

from collections.abc import AsyncIterator

from sentinel.ext.v1 import tmr_pb2, tmr_pb2_grpc
from sentinel.v1 import (
    anomaly_pb2,
    anomaly_pb2_grpc,
    probe_pb2,
    probe_pb2_grpc,
    telemetry_pb2,
    telemetry_pb2_grpc,
    trust_pb2,
)
from sentinel_gateway.core.core import Core
from sentinel_gateway.services.authentication import Context, calling
from sentinel_gateway.services.following import following
from sentinel_gateway.services.ingest_messages import (
    anomaly_ack,
    anomaly_batch,
    probe_ack,
    probe_batch,
    telemetry_batch,
    tmr_report,
    tmr_request,
    tmr_verdict,
)


class ProbeService(probe_pb2_grpc.ProbeServiceServicer):
    """`sentinel.v1.ProbeService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def StreamProbeResults(
        self, request_iterator: AsyncIterator[probe_pb2.ProbeResultBatch], context: Context
    ) -> AsyncIterator[probe_pb2.ProbeAck]:
        """Take batches until the agent ends the stream."""
        caller = calling()
        async for batch in request_iterator:
            yield probe_ack(await self._core.report_probes(caller, probe_batch(batch)))


class AnomalyService(anomaly_pb2_grpc.AnomalyServiceServicer):
    """`sentinel.v1.AnomalyService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def StreamAnomalyEvents(
        self, request_iterator: AsyncIterator[anomaly_pb2.AnomalyBatch], context: Context
    ) -> AsyncIterator[anomaly_pb2.AnomalyAck]:
        """Take batches until the monitor ends the stream."""
        caller = calling()
        async for batch in request_iterator:
            yield anomaly_ack(await self._core.report_anomalies(caller, anomaly_batch(batch)))


class TelemetryService(telemetry_pb2_grpc.TelemetryServiceServicer):
    """`sentinel.v1.TelemetryService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def StreamTelemetry(
        self, request_iterator: AsyncIterator[telemetry_pb2.TelemetryBatch], context: Context
    ) -> AsyncIterator[telemetry_pb2.TelemetryAck]:
        """Take batches until the agent ends the stream."""
        caller = calling()
        async for batch in request_iterator:
            ack = await self._core.report_telemetry(caller, telemetry_batch(batch))
            yield telemetry_pb2.TelemetryAck(sequence_number=ack.sequence_number, accepted=ack.accepted)


class TmrService(tmr_pb2_grpc.TmrServiceServicer):
    """`sentinel.ext.v1.TmrService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def ReportTmrResult(self, request: trust_pb2.TmrResult, context: Context) -> tmr_pb2.TmrVerdict:
        """Vote on a canary's results."""
        return tmr_verdict(await self._core.report_tmr(calling(), tmr_report(request)))

    async def FollowCanaries(
        self, request: tmr_pb2.FollowCanariesRequest, context: Context
    ) -> AsyncIterator[trust_pb2.TmrRequest]:
        """Canaries to be run, as they are scheduled."""
        async with following(self._core.follow_canaries(request.hostname), context) as canaries:
            async for canary in canaries:
                yield tmr_request(canary)
