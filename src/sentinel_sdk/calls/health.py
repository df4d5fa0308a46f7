"""Asking after GPUs, the fleet, the past, and how GPUs agree."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from google.protobuf import empty_pb2

from sentinel.ext.v1 import events_pb2
from sentinel.v1 import common_pb2, correlation_pb2
from sentinel_sdk import methods
from sentinel_sdk.errors import invalid
from sentinel_sdk.rpc import Call, Pages, Reply, call
from sentinel_sdk.types.enums import GpuHealthState
from sentinel_sdk.types.events import SharedCause
from sentinel_sdk.types.health import (
    FleetHealth,
    FleetHealthSummary,
    GpuHealth,
    GpuHealthDetail,
    GpuHistoryResponse,
)
from sentinel_sdk.types.timestamps import to_timestamp
from sentinel_sdk.types.trust import TmrResult, TmrVerdict, TrustGraphSnapshot

log = logging.getLogger("sentinel_sdk")


def query_gpu_health(gpu_uuid: str) -> Call[GpuHealth]:
    """The health of one GPU, with its SMs.

    Raises:
        NotFoundError: nobody ever reported about this GPU.
    """

    def answer(reply: Reply[correlation_pb2.HealthQueryResponse]) -> GpuHealth:
        return GpuHealth.from_proto(reply.message.health)

    return call(methods.QUERY_GPU_HEALTH, _health_request(gpu_uuid, include_sm_health=True), answer)


def query_gpu_health_detail(gpu_uuid: str, *, include_sm_health: bool = True) -> Call[GpuHealthDetail]:
    """The health of one GPU together with the correlations that lately pointed at it.

    Raises:
        NotFoundError: nobody ever reported about this GPU.
    """
    request = _health_request(gpu_uuid, include_sm_health=include_sm_health)
    return call(methods.QUERY_GPU_HEALTH, request, lambda reply: GpuHealthDetail.from_proto(reply.message))


def query_fleet_health(
    hostname_prefix: str = "", model_filter: str = "", state_filter: Sequence[GpuHealthState] | None = None
) -> Call[FleetHealthSummary]:
    """How many GPUs stand where; each argument leaves out the GPUs that do not match it."""

    def answer(reply: Reply[correlation_pb2.FleetHealthResponse]) -> FleetHealthSummary:
        return FleetHealthSummary.from_proto(reply.message.summary)

    return call(methods.QUERY_FLEET_HEALTH, _fleet_request(hostname_prefix, model_filter, state_filter), answer)


def query_fleet(
    hostname_prefix: str = "", model_filter: str = "", state_filter: Sequence[GpuHealthState] | None = None
) -> Call[FleetHealth]:
    """The summary together with the GPUs it counts, worst first; says whether the server left some out."""
    request = _fleet_request(hostname_prefix, model_filter, state_filter)
    return call(methods.QUERY_FLEET_HEALTH, request, lambda reply: FleetHealth.from_proto(reply.message))


def list_gpus(
    state: GpuHealthState | Sequence[GpuHealthState] | None = None, hostname_prefix: str = "", model: str = ""
) -> Call[list[GpuHealth]]:
    """The GPUs that match, worst first. Where the server leaves some out this is logged; `query_fleet` returns it."""

    def answer(reply: Reply[correlation_pb2.FleetHealthResponse]) -> list[GpuHealth]:
        if reply.message.truncated:
            log.warning("fleet.truncated listed=%d of=%d", len(reply.message.gpu_health), reply.message.total_matching)
        return [GpuHealth.from_proto(gpu) for gpu in reply.message.gpu_health]

    states = [state] if isinstance(state, GpuHealthState) else state
    return call(methods.QUERY_FLEET_HEALTH, _fleet_request(hostname_prefix, model, states), answer)


def get_gpu_history(
    gpu_uuid: str, start_time: datetime, end_time: datetime, limit: int = 1000, page_token: str = ""
) -> Call[GpuHistoryResponse]:
    """A page of what happened to a GPU between two times."""
    request = correlation_pb2.GpuHistoryRequest(
        gpu=common_pb2.GpuIdentifier(uuid=gpu_uuid),
        start_time=to_timestamp(start_time),
        end_time=to_timestamp(end_time),
        limit=_limit(limit),
        page_token=page_token,
    )
    return call(methods.GET_GPU_HISTORY, request, lambda reply: GpuHistoryResponse.from_proto(reply.message))


def iter_gpu_history(
    gpu_uuid: str, start_time: datetime, end_time: datetime, limit: int = 1000
) -> Pages[GpuHistoryResponse, GpuHistoryResponse]:
    """All pages of a GPU's history, one after the other, each of at most `limit` events."""
    return Pages(
        lambda token: get_gpu_history(gpu_uuid, start_time, end_time, limit, token),
        lambda page: (page,),
        lambda page: page.next_page_token,
    )


def list_shared_causes() -> Call[list[SharedCause]]:
    """The causes that many GPUs share and that stand raised now; `follow_events` tells when one is raised or lifted.

    Raises:
        SentinelError: among others, the gateway is of a version that only tells of them.
    """

    def answer(reply: Reply[events_pb2.ListSharedCausesResponse]) -> list[SharedCause]:
        return [SharedCause.from_proto(cause) for cause in reply.message.causes]

    return call(methods.LIST_SHARED_CAUSES, events_pb2.ListSharedCausesRequest(), answer)


def get_trust_graph() -> Call[TrustGraphSnapshot]:
    """How often which GPUs agreed with each other."""
    return call(methods.GET_TRUST_GRAPH, empty_pb2.Empty(), lambda reply: TrustGraphSnapshot.from_proto(reply.message))


def report_tmr_result(result: TmrResult) -> Call[TmrVerdict]:
    """Hand in what the GPUs of a canary computed; the server votes. The same `canary_id` again changes nothing."""
    if not result.canary_id:
        raise invalid("a TMR result needs a canary_id: by it a repeated report is recognised")
    return call(methods.REPORT_TMR_RESULT, result.to_proto(), lambda reply: TmrVerdict.from_proto(reply.message))


def _health_request(gpu_uuid: str, *, include_sm_health: bool) -> correlation_pb2.HealthQueryRequest:
    return correlation_pb2.HealthQueryRequest(
        gpu=common_pb2.GpuIdentifier(uuid=gpu_uuid), include_sm_health=include_sm_health
    )


def _fleet_request(
    hostname_prefix: str, model: str, states: Sequence[GpuHealthState] | None
) -> correlation_pb2.FleetHealthRequest:
    request = correlation_pb2.FleetHealthRequest(hostname_prefix=hostname_prefix, model_filter=model)
    # mypy-protobuf wants the wire's own enumeration, whose numbers are the same.
    request.state_filter.extend(int(state) for state in states or ())  # type: ignore[misc]
    return request


def _limit(limit: int) -> int:
    if not 0 <= limit < 2**32:
        raise invalid(f"limit must be between 0 and {2**32 - 1}, not {limit}")
    return limit
