"""Which GPU something is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.text import MAX_NAME, checked_text

_UUID = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z-]{1,80}")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as agents describe it; `uuid` alone says which it is."""

    uuid: str
    hostname: str = ""
    device_index: int = 0
    model: str = ""
    driver_version: str = ""
    firmware_version: str = ""


def checked_uuid(uuid: str) -> str:
    """`uuid`, if it is written like one.

    Raises:
        Invalid: empty, or not ``GPU-…`` or ``MIG-…``.
    """
    if not _UUID.fullmatch(uuid):
        raise Invalid(f"gpu.uuid must be written like GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, not {uuid[:100]!r}")
    return uuid


def checked_gpu(gpu: Gpu) -> Gpu:
    """`gpu`, where its UUID is written like one and its texts can be stored.

    Raises:
        Invalid: names the field.
    """
    checked_uuid(gpu.uuid)
    checked_text("gpu.hostname", gpu.hostname, MAX_NAME)
    checked_text("gpu.model", gpu.model, MAX_NAME)
    checked_text("gpu.driver_version", gpu.driver_version, MAX_NAME)
    checked_text("gpu.firmware_version", gpu.firmware_version, MAX_NAME)
    return gpu
