"""Named checks that a node's own agent makes: what no API server and no exporter can see of a GPU node. Pure.

A link that came up with fewer lanes, a GPU on the bus that the driver does not list, a dead process that still holds
one, a GPU that never registered with its fabric. The node answers from a fixed list and reads only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from gcm_sentinel.datasources.cluster_reads import NODE_ARGUMENT
from gcm_sentinel.datasources.sentinel_gpus import UUID, plain
from gcm_sentinel.datasources.tool_calls import as_json, of_error
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.entity import gpu as gpu_entity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.node_agent import DiagnosisStatus, NodeDiagnosis, Observation
from gcm_sentinel.domain.summaries import NodeChecksSummary, NodeCheckSummary, NodeObservation
from gcm_sentinel.domain.transcript import ToolSpec

NAMES = (
    "gpus", "driver", "pcie_links", "pcie_errors", "nvlinks", "fabric", "memory_errors", "clocks", "processes",
    "host_memory",
)  # fmt: skip
"""What sentinel-node can be asked for; the gravest faults first."""
CHECK = ToolSpec(
    "check_gpu_node",
    "Checks by the agent on a GPU node: GPUs on the PCI bus against the driver's list, driver versions, PCIe lanes and"
    " errors, NVLinks, fabric registration, ECC and remaps, what holds clocks down, who holds each GPU, host memory."
    " `unknown` is no ok.",
    {
        "type": "object",
        "properties": {
            "node_name": NODE_ARGUMENT,
            "check": {"type": "string", "enum": list(NAMES), "description": "One of them; left out: what is not ok."},
        },
        "required": [],
        "additionalProperties": False,
    },
)
Found = Mapping[str, NodeDiagnosis | SentinelError]
_MOST_OF_ONE, _MOST_OF_EACH = 60, 12
_GRAVITY = (DiagnosisStatus.BAD, DiagnosisStatus.WARNING, DiagnosisStatus.UNKNOWN, DiagnosisStatus.OK)
_MEANS = {
    DiagnosisStatus.OK: "Nothing of what was checked is wrong now.",
    DiagnosisStatus.UNKNOWN: "Nothing wrong was seen, and not everything could be looked at.",
}


def answer(node: str, found: Found, query: str) -> ToolResult:
    """`check_gpu_node`: of one check everything, of several what is not ok."""
    answered = {name: one for name, one in found.items() if isinstance(one, NodeDiagnosis)}
    if not answered:
        return of_error(query, next(one for one in found.values() if isinstance(one, SentinelError)))
    most = _MOST_OF_ONE if len(found) == 1 else _MOST_OF_EACH
    checks = [_check(name, one, most, is_all=len(found) == 1) for name, one in found.items()]
    status = next(one for one in _GRAVITY if one in _statuses(found))
    summary: NodeChecksSummary = {"node": node, "status": str(status), "checks": checks}
    silent = [check["name"] for check in checks if check["missing"]]
    notes = [_MEANS.get(status, ""), f"Not answered: {', '.join(silent)}." if silent else ""]
    times = [one.time for one in answered.values()]
    return ToolResult(
        ResultStatus.OK,
        query,
        as_json(summary),
        json.dumps([_check(name, one, 500, is_all=True) for name, one in found.items()], indent=1),
        time_range=TimeRange(min(times), max(times)),
        entities=(node_entity(node), *_gpus(node, list(answered.values()))),
        note=" ".join(filter(None, notes)),
    )


def _statuses(found: Found) -> set[DiagnosisStatus]:
    return {one.status if isinstance(one, NodeDiagnosis) else DiagnosisStatus.UNKNOWN for one in found.values()}


def _check(name: str, found: NodeDiagnosis | SentinelError, most: int, *, is_all: bool) -> NodeCheckSummary:
    if isinstance(found, SentinelError):
        words = plain(str(found), 300)
        return {"name": name, "status": "unknown", "missing": words, "observations": [], "observations_total": 0}
    ranked = sorted(found.observations, key=lambda seen: _GRAVITY.index(seen.status))
    shown = [seen for seen in ranked if is_all or seen.status is not DiagnosisStatus.OK]
    return {
        "name": name,
        "status": str(found.status),
        "missing": "",
        "observations": [_observation(seen) for seen in shown[:most]],
        "observations_total": len(found.observations),
    }


def _observation(seen: Observation) -> NodeObservation:
    return {
        "status": str(seen.status),
        "subject": plain(seen.subject, 100),
        "text": plain(seen.text, 400),
        "figures": {plain(one.name, 80): plain(str(one.value), 100) for one in seen.figures[:20]},
    }


def _gpus(node: str, found: Sequence[NodeDiagnosis]) -> list[Entity]:
    subjects = dict.fromkeys(seen.subject for one in found for seen in one.observations if UUID.fullmatch(seen.subject))
    return [gpu_entity(node, uuid=uuid) for uuid in list(subjects)[:64]]
