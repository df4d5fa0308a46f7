"""What identifies a GPU and one of its streaming multiprocessors."""

from __future__ import annotations

from sentinel.v1 import common_pb2
from sentinel_sdk.types.message import Message


class GpuIdentifier(Message):
    """A GPU; `uuid` alone says which it is."""

    wire = common_pb2.GpuIdentifier
    uuid: str = ""
    hostname: str = ""
    device_index: int = 0
    model: str = ""
    driver_version: str = ""
    firmware_version: str = ""


class SmIdentifier(Message):
    """A streaming multiprocessor of a GPU, counted from 0."""

    wire = common_pb2.SmIdentifier
    gpu: GpuIdentifier | None = None
    sm_id: int = 0
