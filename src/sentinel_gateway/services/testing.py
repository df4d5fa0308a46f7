"""The register of injected faults; offered only where the operator asked for it, for it is no toy on a real fleet."""

# ruff: noqa: N802  methods are named as on the wire

from __future__ import annotations

from datetime import UTC, datetime

from sentinel.internal import testing_pb2, testing_pb2_grpc
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import Invalid, SwitchedOff
from sentinel_gateway.domain.faults import Fault, FaultRequest
from sentinel_gateway.services.authentication import Context, calling
from sentinel_gateway.services.wire_values import gpu_from_wire, gpu_to_wire

_NS = 1_000_000_000
_OFF = "sentinel.internal.TestingService is switched off; testing.enabled: true offers it"


class TestingService(testing_pb2_grpc.TestingServiceServicer):
    """`sentinel.internal.TestingService`."""

    __test__ = False  # the name is the wire's; pytest would collect it

    def __init__(self, core: Core, *, enabled: bool) -> None:
        self._core = core
        self._enabled = enabled

    async def InjectFault(
        self, request: testing_pb2.FaultInjectionRequest, context: Context
    ) -> testing_pb2.FaultInjectionResponse:
        """Register a fault."""
        self._check_enabled()
        fault = await self._core.inject_fault(calling(), _fault_request(request))
        return testing_pb2.FaultInjectionResponse(
            success=True,
            injection_id=fault.injection_id,
            activated_at=_text(fault.activated_ns),
            expires_at=_text(fault.expires_ns),
        )

    async def ClearFault(
        self, request: testing_pb2.ClearFaultRequest, context: Context
    ) -> testing_pb2.ClearFaultResponse:
        """Take a fault from the register."""
        self._check_enabled()
        if not request.injection_id:
            raise Invalid("injection_id is missing")
        await self._core.clear_fault(calling(), request.injection_id)
        return testing_pb2.ClearFaultResponse(success=True)

    async def ListFaults(
        self, request: testing_pb2.ListFaultsRequest, context: Context
    ) -> testing_pb2.ListFaultsResponse:
        """The active faults."""
        self._check_enabled()
        faults = self._core.list_faults(request.gpu_filter.uuid)
        return testing_pb2.ListFaultsResponse(faults=[_active(fault) for fault in faults])

    def _check_enabled(self) -> None:
        if not self._enabled:
            raise SwitchedOff(_OFF)


def _fault_request(request: testing_pb2.FaultInjectionRequest) -> FaultRequest:
    target = request.WhichOneof("target") or ""
    return FaultRequest(
        fault_type=request.type,
        gpu=gpu_from_wire(request.target_gpu),
        sm_id=request.target_sm.sm_id if request.HasField("target_sm") else None,
        bit_position=request.bit_position,
        duration_ms=request.duration_ms,
        stuck_at_value=request.stuck_at_value,
        noise_stddev=request.noise_stddev,
        delay_us=request.delay_us,
        description=request.description,
        target=target,
        target_value=getattr(request, target) if target else 0,
    )


def _active(fault: Fault) -> testing_pb2.ActiveFault:
    return testing_pb2.ActiveFault(
        injection_id=fault.injection_id,
        type=testing_pb2.FaultInjectionType.ValueType(fault.request.fault_type),
        target_gpu=gpu_to_wire(fault.request.gpu),
        description=fault.request.description,
        activated_at=_text(fault.activated_ns),
        expires_at=_text(fault.expires_ns),
    )


def _text(ns: int | None) -> str:
    """RFC 3339 in UTC; these two fields are text on the wire. Empty for never."""
    if ns is None:
        return ""
    return datetime.fromtimestamp(ns / _NS, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
