"""Which GPU of a node a probed one is compared with: one of the same model that nobody suspects and that looks well.

Whether it is idle its node's agent asks the driver before each probe; on a drained node it should be.
"""

from __future__ import annotations

from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.node_agent import GpuReading, NodeDescription, NodeGpu
from gcm_sentinel.domain.probe_result import plain
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.tools.context import NodeReader

_SOUND_ACTIONS = frozenset({None, "", "none"})


async def choose(
    agents: NodeReader, described: NodeDescription, suspect: NodeGpu, scope: Scope, before: Json
) -> tuple[str, str]:
    """UUID of the GPU beside `suspect`, empty for none, and a sentence about it.

    `before` is the one that was chosen when the order was first planned: no other takes its place, because nobody was
    shown another. None where it is planned for the first time.
    """
    try:
        sick = frozenset(reading.gpu.uuid for reading in await agents.telemetry(described.node) if _looks_sick(reading))
    except SentinelError as error:
        return "", f"no GPU is compared with it: the driver's readings are missing ({plain(str(error))})"
    suspected = {trigger.gpu_uuid for trigger in scope.incident.triggers if trigger.gpu_uuid}
    fit = [
        gpu.uuid
        for gpu in described.gpus
        if gpu.uuid not in {suspect.uuid, *suspected, *sick} and gpu.model == suspect.model and not gpu.is_partitioned
    ]
    chosen = [uuid for uuid in fit if before in (None, uuid)]
    if not chosen:
        return "", "no GPU is compared with it: none of its model beside it looks well and is not suspected"
    return chosen[0], f"where it fails a probe, GPU {chosen[0]} is probed afterwards with the same operands"


def _looks_sick(reading: GpuReading) -> bool:
    """Whether the driver has lost it, wants it recovered, or has counted uncorrectable errors since it was loaded."""
    errors = [
        one.value
        for one in reading.figures
        if one.name.startswith("memory_errors.") and "uncorrected" in one.name and "aggregate" not in one.name
    ]
    return (
        bool(reading.lost)
        or reading.figure("recovery_action") not in _SOUND_ACTIONS
        or bool(reading.figure("memory_errors.has_remap_failed"))
        or any(isinstance(count, int) and count > 0 for count in errors)
    )
