"""Every method that is served, and the role it needs. A method that is missing here is refused to everybody.

`OPEN` methods tell nothing of the machine: Kubernetes' own checks have no identity, and the descriptors are public.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from sentinel_node.domain.access import Role

Open = Literal["open"]
OPEN: Final[Open] = "open"

_NODE = "/gcm_sentinel.node.v1.NodeService/"

METHODS: Mapping[str, Role | Open | None] = {
    f"{_NODE}DescribeNode": None,
    f"{_NODE}RunProbe": Role.PROBER,
    f"{_NODE}ReadKernelLog": Role.READER,
    f"{_NODE}ReadTelemetry": Role.READER,
    f"{_NODE}ListDiagnostics": Role.READER,
    f"{_NODE}Diagnose": Role.READER,
    f"{_NODE}CaptureEvidence": Role.READER,
    "/grpc.health.v1.Health/Check": OPEN,
    "/grpc.health.v1.Health/List": OPEN,
    "/grpc.health.v1.Health/Watch": OPEN,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": OPEN,
}
"""None is for every caller that has any role."""
