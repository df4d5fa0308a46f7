"""Questions about GPUs and the fleet, and the undeclared `GetTrustGraph` that both published clients call."""

# ruff: noqa: N802  methods are named as on the wire

from __future__ import annotations

import asyncio

from google.protobuf.empty_pb2 import Empty

from sentinel.v1 import correlation_pb2, correlation_pb2_grpc, trust_pb2
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Window
from sentinel_gateway.services.authentication import Context
from sentinel_gateway.services.health_messages import fleet_response, health_response, history_response, trust_to_wire
from sentinel_gateway.services.wire_values import bound_ns, members

_USUAL_PAGE = 1000


class CorrelationService(correlation_pb2_grpc.CorrelationServiceServicer):
    """`sentinel.v1.CorrelationService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def QueryGpuHealth(
        self, request: correlation_pb2.HealthQueryRequest, context: Context
    ) -> correlation_pb2.HealthQueryResponse:
        """How one GPU is; only its UUID is looked at."""
        return health_response(await self._core.gpu_health(request.gpu.uuid, with_sms=request.include_sm_health))

    async def QueryFleetHealth(
        self, request: correlation_pb2.FleetHealthRequest, context: Context
    ) -> correlation_pb2.FleetHealthResponse:
        """How the GPUs that match are, the worst one by one."""
        states = members(HealthState, request.state_filter, "state_filter")
        return fleet_response(
            await self._core.fleet(FleetFilter(request.hostname_prefix, request.model_filter, states))
        )

    async def GetGpuHistory(
        self, request: correlation_pb2.GpuHistoryRequest, context: Context
    ) -> correlation_pb2.GpuHistoryResponse:
        """What happened to one GPU."""
        window = Window(
            bound_ns(request.start_time) if request.HasField("start_time") else None,
            bound_ns(request.end_time) if request.HasField("end_time") else None,
        )
        page = await self._core.history(
            request.gpu.uuid, window, request.limit or _USUAL_PAGE, page_token=request.page_token
        )
        return history_response(page)

    async def GetTrustGraph(self, request: Empty, context: Context) -> trust_pb2.TrustGraphSnapshot:
        """Who agreed with whom."""
        return await asyncio.to_thread(trust_to_wire, await self._core.trust_graph())
