"""Times, GPUs and enum numbers between the wire and our values; the smallest pieces of every other conversion."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from sentinel.v1 import common_pb2
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.identity import Gpu

_NS = 1_000_000_000
_LATEST_NS = (1 << 63) - 1
"""In the year 2262; databases keep 63 bits."""

E = TypeVar("E", bound=IntEnum)


def raw_ns(time: Timestamp) -> int:
    """Nanoseconds since 1970, whatever was sent; for times that are judged later."""
    return time.seconds * _NS + time.nanos


def checked_ns(time: Timestamp, field: str) -> int:
    """Nanoseconds since 1970 of a time that will be kept.

    Raises:
        Invalid: before 1970, after 2262, or nanos beyond a second.
    """
    ns = raw_ns(time)
    if not (0 <= ns <= _LATEST_NS and 0 <= time.nanos < _NS):
        raise Invalid(f"{field} is no time between 1970 and 2262 (seconds {time.seconds}, nanos {time.nanos})")
    return ns


def bound_ns(time: Timestamp) -> int:
    """The end of a stretch of time that is asked for; what no entry can have becomes the nearest possible time."""
    return min(max(raw_ns(time), 0), _LATEST_NS)


def timestamp(ns: int | None) -> Timestamp | None:
    """A time for the wire; None stays absent."""
    if ns is None:
        return None
    seconds, nanos = divmod(ns, _NS)
    return Timestamp(seconds=seconds, nanos=nanos)


def gpu_from_wire(gpu: common_pb2.GpuIdentifier) -> Gpu:
    """A GPU as it was sent, valid or not."""
    return Gpu(gpu.uuid, gpu.hostname, gpu.device_index, gpu.model, gpu.driver_version, gpu.firmware_version)


def gpu_to_wire(gpu: Gpu) -> common_pb2.GpuIdentifier:
    """A GPU for the wire."""
    return common_pb2.GpuIdentifier(
        uuid=gpu.uuid,
        hostname=gpu.hostname,
        device_index=gpu.device_index,
        model=gpu.model,
        driver_version=gpu.driver_version,
        firmware_version=gpu.firmware_version,
    )


def members(kind: type[E], numbers: Iterable[int], field: str) -> tuple[E, ...]:
    """The members an enum field names.

    Raises:
        Invalid: a number that is not known; it would decide what is answered.
    """
    known = {member.value: member for member in kind}
    for number in numbers:
        if number not in known:
            names = ", ".join(f"{member.name} ({member.value})" for member in kind)
            raise Invalid(f"{field}: {number} is not known; use {names}")
    return tuple(known[number] for number in numbers)
