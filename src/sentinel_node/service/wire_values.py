"""Times and GPUs on the wire, and texts that must fit into a message."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from sentinel.node.v1 import node_pb2
from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.gpu import GpuIdentity

_NS = 10**9
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999, the last that a Timestamp may hold."""


def timestamp(unix_ns: int) -> Timestamp:
    """A moment, in nanoseconds of the wall clock."""
    return Timestamp(seconds=unix_ns // _NS, nanos=unix_ns % _NS)


def unix_ns(moment: Timestamp, field: str) -> int:
    """The nanoseconds of a moment that a caller sent as `field`.

    Raises:
        Invalid: it is none that a Timestamp may hold, or before 1970.
    """
    if not (0 <= moment.seconds <= _LAST_SECOND and 0 <= moment.nanos < _NS):
        raise Invalid(f"{field} is no time between 1970 and 9999: {moment.seconds} s, {moment.nanos} ns")
    return moment.seconds * _NS + moment.nanos


def gpu_message(gpu: GpuIdentity, node_name: str) -> node_pb2.GpuIdentity:
    """A GPU and where it is."""
    major, minor = gpu.compute_capability
    return node_pb2.GpuIdentity(
        uuid=gpu.uuid,
        node_name=node_name,
        device_index=gpu.index,
        pci_bus_id=gpu.pci_bus_id,
        model=gpu.model,
        serial=gpu.serial,
        driver_version=gpu.driver_version,
        vbios_version=gpu.vbios_version,
        memory_bytes=gpu.memory_bytes,
        compute_capability_major=major,
        compute_capability_minor=minor,
        is_partitioned=gpu.is_partitioned,
    )


def cut(text: str, most_bytes: int) -> tuple[str, bool]:
    """As much of a text as fits, and whether that is less than all of it; a character is never cut in two."""
    encoded = text.encode("utf-8", "replace")  # a lone surrogate cannot be sent
    if len(encoded) <= most_bytes:
        return encoded.decode("utf-8"), False
    return encoded[:most_bytes].decode("utf-8", "ignore"), True
