"""Faults to and from the gateway's register (`sentinel.internal.TestingService`).

The service is offered only with `testing.enabled`, and only to the role admin: an agent's own identity may neither
inject nor list faults. So whoever plays a software GPU asks as the tester who injected them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sentinel.internal import testing_pb2
from sentinel_fleet.sentinel.silicon.faults import Fault, FaultKind, NotSimulated, fault_of
from sentinel_sdk.types import GpuIdentifier, SmIdentifier

if TYPE_CHECKING:
    from sentinel.internal.testing_pb2_grpc import TestingServiceAsyncStub  # a name of the stubs' types alone

_WITHIN_S = 10.0
_FLIP, _STUCK, _NOISE = (
    testing_pb2.FAULT_INJECTION_TYPE_BIT_FLIP,
    testing_pb2.FAULT_INJECTION_TYPE_STUCK_AT,
    testing_pb2.FAULT_INJECTION_TYPE_NOISE,
)
_TYPES: Mapping[FaultKind, testing_pb2.FaultInjectionType.ValueType] = {
    FaultKind.WEIGHT_BIT: _FLIP,
    FaultKind.STUCK_RESULT: _STUCK,
    FaultKind.NOISE: _NOISE,
    FaultKind.STUCK_MEMORY_BIT: _STUCK,
    FaultKind.TENSOR_BIT: _FLIP,
    FaultKind.REGISTER_XOR: _FLIP,
    FaultKind.SHARED_MEMORY: _FLIP,
}


async def inject(stub: TestingServiceAsyncStub, gpu: GpuIdentifier, fault: Fault) -> str:
    """Register a fault; its injection id.

    Raises:
        grpc.RpcError: the gateway refuses, or does not answer.
    """
    return (await stub.InjectFault(request_of(gpu, fault), timeout=_WITHIN_S)).injection_id


async def active(stub: TestingServiceAsyncStub) -> Mapping[str, tuple[Fault, ...]]:
    """The faults of all GPUs, by UUID.

    Raises:
        NotSimulated: one of them is of a type, or described in words, that the software GPU does not know.
        grpc.RpcError: the gateway refuses, or does not answer.
    """
    found: defaultdict[str, tuple[Fault, ...]] = defaultdict(tuple)
    listed = await stub.ListFaults(testing_pb2.ListFaultsRequest(), timeout=_WITHIN_S)
    for one in listed.faults:
        fault = fault_of(one.description)
        if _TYPES[fault.kind] != one.type:
            raise NotSimulated(f"fault {one.injection_id} is of type {one.type}, and described as {fault.kind}")
        found[one.target_gpu.uuid] += (fault,)
    return found


def request_of(gpu: GpuIdentifier, fault: Fault) -> testing_pb2.FaultInjectionRequest:
    """A fault as the register's own fields tell it, and whole in the description."""
    request = testing_pb2.FaultInjectionRequest(
        type=_TYPES[fault.kind],
        target_gpu=gpu.to_proto(),
        bit_position=fault.bit,
        stuck_at_value=testing_pb2.STUCK_AT_VALUE_ONE if fault.value else testing_pb2.STUCK_AT_VALUE_ZERO,
        noise_stddev=fault.stddev,
        description=fault.told(),
    )
    if fault.sm is not None:
        request.target_sm.CopyFrom(SmIdentifier(gpu=gpu, sm_id=fault.sm).to_proto())
    match fault.kind:
        case FaultKind.WEIGHT_BIT:
            request.weight_index = fault.where
        case FaultKind.STUCK_MEMORY_BIT:
            request.memory_address = 4 * fault.where
        case FaultKind.REGISTER_XOR:
            request.register_index = fault.where
        case FaultKind.SHARED_MEMORY:
            request.shared_memory_offset = 4 * fault.where
    return request
