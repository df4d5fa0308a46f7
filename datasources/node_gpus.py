"""GPUs of a node as its agent describes them: which one is meant, which stands beside it, and what is told. Pure.

Everything but the node's name and well-formed UUIDs is text of another machine: it is cut to one plain line.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from gcm_sentinel.datasources.sentinel_gpus import UUID, plain
from gcm_sentinel.datasources.tool_calls import as_json
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.entity import gpu as gpu_entity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.node_agent import GpuReading, NodeDescription, NodeGpu, ProbePermission
from gcm_sentinel.domain.summaries import GpuNodeSummary, NodeGpuSummary

_SOUND_ACTIONS = frozenset({None, "", "none"})


def find(described: NodeDescription, wanted: Sequence[str]) -> NodeGpu:
    """The GPU with this UUID or index; a serial number beside a UUID is passed over.

    Raises:
        ValueError: there is none, or two.
    """
    marks = [mark for mark in wanted if UUID.fullmatch(mark)] or wanted
    found = [gpu for gpu in described.gpus if gpu.uuid in marks or str(gpu.index) in marks]
    if len(found) != 1:
        known = ", ".join(f"{gpu.index} {plain(gpu.uuid, 90)}" for gpu in described.gpus[:32]) or "none"
        raise ValueError(
            f"'gpu' must be the UUID or index of one GPU of {described.node}, not {', '.join(wanted)[:90]!r}: {known}"
        )
    return found[0]


def beside(
    described: NodeDescription, suspect: NodeGpu, suspects: Collection[str], bad: Collection[str]
) -> NodeGpu | None:
    """A GPU of the same node and model that nobody suspects, of which nothing bad is told, and that no probe holds."""
    held = {uuid for uuid, _ in described.holders}
    for gpu in described.gpus:
        spoken_for = gpu.uuid in (suspect.uuid, *suspects, *bad) or gpu.uuid in held or gpu.is_partitioned
        if not spoken_for and gpu.model == suspect.model:
            return gpu
    return None


def looks_bad(readings: Sequence[GpuReading]) -> frozenset[str]:
    """The GPUs that the driver has lost, wants recovered, or has counted uncorrectable errors of."""
    return frozenset(reading.gpu.uuid for reading in readings if _looks_bad(reading))


def _looks_bad(reading: GpuReading) -> bool:
    errors = [one for one in reading.figures if one.name.startswith("memory_errors.") and "uncorrected" in one.name]
    return (
        bool(reading.lost)
        or reading.figure("recovery_action") not in _SOUND_ACTIONS
        or bool(reading.figure("memory_errors.has_remap_failed"))
        or any(isinstance(one.value, int) and one.value > 0 for one in errors if "aggregate" not in one.name)
    )


def description_answer(described: NodeDescription, may_ask: ProbePermission, query: str) -> ToolResult:
    """`describe_gpu_node`."""
    holders = dict(described.holders)
    summary: GpuNodeSummary = {
        "node": described.node,
        "agent_version": plain(described.agent_version, 80),
        "boot_id": plain(described.boot_id, 80),
        "permission": str(described.permission),
        "we_may_ask": str(may_ask),
        "gpus": [_gpu(gpu, holders.get(gpu.uuid, "")) for gpu in described.gpus],
        "parts": [{"name": plain(part.name, 80), "missing": plain(part.missing)} for part in described.parts],
    }
    lacking = [f"{part['name']}: {part['missing']}" for part in summary["parts"] if part["missing"]]
    notes = [f"Missing there: {'; '.join(lacking)}."] if lacking else []
    if not described.gpus:
        notes.append("The agent answers and has no GPU that it can tell: with a part missing that proves no absence.")
    # without its parts an agent cannot look, so that it lists nothing is then no observation of nothing
    empty = ResultStatus.UNAVAILABLE if lacking else ResultStatus.NO_DATA
    return ToolResult(
        ResultStatus.OK if described.gpus else empty,
        query,
        as_json(summary),
        json.dumps(summary, indent=1),
        entities=entities(described.node, described.gpus),
        note=" ".join(notes),
    )


def _gpu(gpu: NodeGpu, holder: str) -> NodeGpuSummary:
    return {
        "uuid": plain(gpu.uuid, 90),
        "index": gpu.index,
        "pci_bus_id": plain(gpu.pci_bus_id, 40),
        "model": plain(gpu.model, 80),
        "driver_version": plain(gpu.driver_version, 80),
        "memory_bytes": gpu.memory_bytes,
        "mig": gpu.is_partitioned,
        "held_by": plain(holder, 120),
    }


def entities(node: str, gpus: Sequence[NodeGpu]) -> tuple[Entity, ...]:
    """The node and those of its GPUs that have the form of one."""
    parts = [gpu_entity(node, index=gpu.index, uuid=gpu.uuid) for gpu in gpus if UUID.fullmatch(gpu.uuid)]
    return tuple(dict.fromkeys([node_entity(node), *parts]))
