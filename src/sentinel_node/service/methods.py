"""Every method that is served, and the role it needs. A method that is missing here is refused to everybody.

`OPEN` methods tell nothing but that the node answers: Kubernetes' own checks have no identity. Reflection is for
whoever may call something: the descriptors are public, yet a stranger need not learn here what is served.
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
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": None,
}
"""None is for every caller that has any role."""
