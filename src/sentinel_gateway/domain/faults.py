"""Faults that testers asked to be injected: the register of what is active and until when. Nothing is injected here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.identity import Gpu, checked_gpu
from sentinel_gateway.domain.text import MAX_WORDS, checked_text

_NS_PER_MS = 1_000_000


class FaultType(IntEnum):
    """What is injected; numbers equal `sentinel.internal.FaultInjectionType`."""

    BIT_FLIP = 1
    STUCK_AT = 2
    DELAY = 3
    NOISE = 4


_FAULT_TYPES = frozenset(map(int, FaultType))


@dataclass(frozen=True, slots=True)
class FaultRequest:
    """`sentinel.internal.FaultInjectionRequest`."""

    fault_type: int
    gpu: Gpu
    sm_id: int | None = None
    """None for the whole GPU."""
    bit_position: int = 0
    duration_ms: int = 0
    """0: until cleared."""
    stuck_at_value: int = 0
    noise_stddev: float = 0.0
    delay_us: int = 0
    description: str = ""
    target: str = ""
    """``weight_index``, ``register_index``, ``memory_address``, ``shared_memory_offset`` or empty."""
    target_value: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is active."""

    injection_id: str
    request: FaultRequest
    activated_ns: int
    expires_ns: int | None
    injected_by: str

    def is_over(self, now_ns: int) -> bool:
        """Whether its time has run out."""
        return self.expires_ns is not None and self.expires_ns <= now_ns


def activated(request: FaultRequest, injection_id: str, injected_by: str, now_ns: int) -> Fault:
    """The fault a request asks for."""
    expires_ns = now_ns + request.duration_ms * _NS_PER_MS if request.duration_ms else None
    return Fault(injection_id, request, now_ns, expires_ns, injected_by)


def checked(request: FaultRequest) -> FaultRequest:
    """`request`, where it makes sense.

    Raises:
        Invalid: names the field.
    """
    checked_gpu(request.gpu)
    if request.fault_type not in _FAULT_TYPES:
        raise Invalid(f"type {request.fault_type} is not known: use BIT_FLIP, STUCK_AT, DELAY or NOISE")
    if request.fault_type == FaultType.STUCK_AT and request.stuck_at_value not in (1, 2):
        raise Invalid("stuck_at_value must be STUCK_AT_VALUE_ZERO or STUCK_AT_VALUE_ONE for a STUCK_AT fault")
    if request.fault_type == FaultType.NOISE and not (math.isfinite(request.noise_stddev) and request.noise_stddev > 0):
        raise Invalid(f"noise_stddev must be above 0 for a NOISE fault, not {request.noise_stddev}")
    if request.fault_type == FaultType.DELAY and request.delay_us == 0:
        raise Invalid("delay_us must be above 0 for a DELAY fault")
    checked_text("description", request.description, MAX_WORDS)
    return request
