"""A GPU and a moment for the wire."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from sentinel.v1 import common_pb2
from sentinel_node.domain.gpu import GpuIdentity

_NS_PER_S = 1_000_000_000
_NS_PER_US = 1_000


def identifier(gpu: GpuIdentity, hostname: str) -> common_pb2.GpuIdentifier:
    """A GPU of this node; its firmware is the VBIOS, whose version the driver tells."""
    return common_pb2.GpuIdentifier(
        uuid=gpu.uuid,
        hostname=hostname,
        device_index=gpu.index,
        model=gpu.model,
        driver_version=gpu.driver_version,
        firmware_version=gpu.vbios_version,
    )


def timestamp(unix_ns: int) -> Timestamp:
    """A moment in whole microseconds: the client library's values hold no more, and what is sent twice must be one."""
    seconds, left_ns = divmod(unix_ns, _NS_PER_S)
    return Timestamp(seconds=seconds, nanos=left_ns // _NS_PER_US * _NS_PER_US)
