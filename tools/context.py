"""What a remediation tool is given when it is built: eyes only. It acts through the hands it is lent for one order.

A tool module offers ``build(context: ToolContext) -> RemediationTool`` and is registered by an entry point of the group
``gcm_sentinel.tools``. Building does no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.client import Objects, Params
from gcm_sentinel.domain.protocols import Clock


class ClusterReader(Protocol):
    """The reading face of the Kubernetes client."""

    async def get(self, path: str, params: Params | None = None) -> KubeObject:
        """One object."""
        ...

    async def list(self, path: str, params: Params | None = None, page: int = 500) -> tuple[Objects, str]:
        """All objects of a collection and the list's resource version."""
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Everything a tool may look through."""

    cluster: ClusterReader
    clock: Clock
