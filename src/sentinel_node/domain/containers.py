"""Which pod and container a process belongs to, read from the name of its control group."""

from __future__ import annotations

import re
from dataclasses import dataclass

# kubepods-burstable-pod0f3c_....slice (systemd) or /kubepods/burstable/pod0f3c-.../ (cgroupfs)
_POD = re.compile(r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})")
_CONTAINER = re.compile(r"(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:/|$)")


@dataclass(frozen=True, slots=True)
class Container:
    """Where a process runs; empty outside of pods and containers."""

    pod_uid: str = ""
    container_id: str = ""


def container_of(cgroup: str) -> Container:
    """What the path of a control group names."""
    pod, container = _POD.search(cgroup), _CONTAINER.search(cgroup)
    return Container(pod[1].replace("_", "-") if pod else "", container[1] if container else "")
