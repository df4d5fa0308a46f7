"""GPUs as a SENTINEL gateway names them: exact nodes, believable indices, entities, words of a bounded length. Pure.

The gateway matches host names by prefix, so what it tells is filtered here by equality. Reporters may leave a GPU's
index out, which the wire cannot tell from GPU 0: index 0 is believed only of a reporter that also gave the model or
a version, and no index is believed that two GPUs of one node share. A wrong index would blame the wrong GPU.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.entity import gpu as gpu_entity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import TimeRange
from gcm_sentinel.domain.gpu_health import FleetHealth, Gpu, GpuHealth, GpuState

OFF = "no SENTINEL gateway is configured"
ENABLE = "Set GCM_SENTINEL_SENTINEL_ENDPOINT to host:port of a SENTINEL gateway the agent can reach"
UUID = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z-]{1,80}")
_NODE = re.compile(r"[a-z0-9][-a-z0-9.]{0,252}")
_LONGEST = 300
_BADNESS = (
    GpuState.CONDEMNED, GpuState.QUARANTINED, GpuState.DEEP_TEST, GpuState.SUSPECT, GpuState.UNKNOWN, GpuState.HEALTHY,
)  # fmt: skip
OUT = frozenset({GpuState.QUARANTINED, GpuState.DEEP_TEST, GpuState.CONDEMNED})
"""States in which a GPU takes no work."""


def plain(words: str, longest: int = _LONGEST) -> str:
    """One line of bounded length without control characters, of what agents and people wrote."""
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return line if len(line) <= longest else f"{line[:longest]} [cut]"


def on_node(fleet: FleetHealth, node: str) -> tuple[GpuHealth, ...]:
    """The GPUs whose host name is exactly `node`, the worst first."""
    return worst_first(health for health in fleet.gpus if health.gpu.node == node)


def worst_first(healths: Iterable[GpuHealth]) -> tuple[GpuHealth, ...]:
    """By state, then by failed probes, then by name."""
    return tuple(sorted(healths, key=lambda item: (_BADNESS.index(item.state), -item.failed, item.gpu.uuid)))


def alike(fleet: FleetHealth, node: str) -> str:
    """A sentence that no GPU stands on `node`, with host names that could be meant; they are never taken for it."""
    near = list(dict.fromkeys(plain(item.gpu.node, 80) for item in fleet.gpus if item.gpu.node.startswith(node)))[:5]
    hint = f"; names that begin alike are other hosts to it: {', '.join(near)}" if near else ""
    return (
        f"SENTINEL knows no GPU whose host is exactly {node}{hint}. No agent has reported from there, or it reports"
        " under another name: this says nothing about the health of the node's GPUs."
    )


def indices(gpus: Sequence[Gpu]) -> dict[str, int]:
    """UUID to index on its node, for the GPUs whose index can be believed."""
    told = {gpu.uuid: gpu.index for gpu in gpus if gpu.index or gpu.model or gpu.driver_version or gpu.firmware_version}
    taken = Counter((gpu.node, told[gpu.uuid]) for gpu in {gpu.uuid: gpu for gpu in gpus}.values() if gpu.uuid in told)
    return {gpu.uuid: told[gpu.uuid] for gpu in gpus if gpu.uuid in told and taken[gpu.node, told[gpu.uuid]] == 1}


def entities(gpus: Sequence[Gpu]) -> tuple[Entity, ...]:
    """The nodes and GPUs that these fields show to exist; what has not the form of a name is left out."""
    known = indices(gpus)
    named = [gpu for gpu in gpus if _NODE.fullmatch(gpu.node)]
    nodes = [node_entity(gpu.node) for gpu in named]
    parts = [
        gpu_entity(gpu.node, index=known.get(gpu.uuid), uuid=gpu.uuid) for gpu in named if UUID.fullmatch(gpu.uuid)
    ]
    return tuple(dict.fromkeys([*nodes, *parts]))


def last_days(now: datetime, days: int) -> TimeRange:
    """The days before `now`, to the end of its second: what was recorded a moment ago is in it."""
    end = now.replace(microsecond=0) + timedelta(seconds=now.microsecond > 0)
    return TimeRange(end - timedelta(days=days), end)


def label(gpu: Gpu, known: dict[str, int]) -> str:
    """How a line names a GPU."""
    index = known.get(gpu.uuid)
    place = f" GPU {index}" if index is not None else ""
    return f"{plain(gpu.node, 80) or 'host unknown'}{place} {plain(gpu.uuid, 90)}"
