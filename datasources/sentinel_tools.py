"""The tools of the `sentinel` source as a model is told of them, and how their arguments are read."""

from __future__ import annotations

from gcm_sentinel.datasources.cluster_reads import NODE_ARGUMENT
from gcm_sentinel.datasources.sentinel_gpus import UUID
from gcm_sentinel.datasources.tool_calls import text, texts
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

MAX_DAYS = 90
HISTORY_DAYS = 7
CORRELATION_DAYS = 1

_GPU: Json = {
    "type": "string",
    "description": "UUID of one GPU, exact; left out: the GPU of the incident if it names one, else all of the node.",
}


def _spec(name: str, words: str, properties: dict[str, Json]) -> ToolSpec:
    parameters: dict[str, Json] = {
        "type": "object", "properties": properties, "required": [], "additionalProperties": False,
    }  # fmt: skip
    return ToolSpec(name, words, parameters)


def _days(default: int) -> Json:
    return {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "description": f"How far back; {default}."}


HEALTH = _spec(
    "get_sentinel_gpu_health",
    "What SENTINEL's exact probes found on the node's GPUs, or on one: state since when and why, reliability, probes"
    " passed and failed, rates per hour, and which SMs failed with their share of the failures. A wrong result of an"
    " exact probe is silent data corruption; anomalies are statistical alarms and weaker.",
    {"node_name": NODE_ARGUMENT, "gpu": {"type": "string", "description": "UUID of one GPU, exact; else all."}},
)
COMPARE = _spec(
    "compare_sentinel_gpus",
    "Whose exact probes fail: the node's GPUs against cohorts of the same model, driver and firmware and the whole"
    " fleet, each with how many fail of how many; `spread` tells one GPU from one node, one cohort and everybody.",
    {"node_name": NODE_ARGUMENT},
)
HISTORY = _spec(
    "get_sentinel_history",
    "One GPU's changes of state with reason and author, correlated patterns, and the shape of its reliability score.",
    {"node_name": NODE_ARGUMENT, "gpu": _GPU, "days": _days(HISTORY_DAYS)},
)
CORRELATIONS = _spec(
    "get_sentinel_correlations",
    "Patterns SENTINEL correlated on the node's GPUs or one GPU: kind, confidence, the GPU and SM they point at, and"
    " the ids of the events behind them.",
    {"node_name": NODE_ARGUMENT, "gpu": _GPU, "days": _days(CORRELATION_DAYS)},
)
TRUST = _spec(
    "get_sentinel_trust_graph",
    "How often the node's GPUs came to the same result as others for the same computation: agreement per GPU over all"
    " partners, its pairs, pairs anywhere that disagreed, and how much of the fleet was compared at all.",
    {"node_name": NODE_ARGUMENT},
)
SPECS = (HEALTH, COMPARE, HISTORY, CORRELATIONS, TRUST)


def gpu_uuid(call: ToolCall) -> str:
    """The UUID a call names; empty when it names none. A serial number beside it is passed over.

    Raises:
        ValueError: it names something, and no UUID.
    """
    marks = texts(call, "gpu")
    found = [mark for mark in marks if UUID.fullmatch(mark)]
    if marks and len(found) != 1:
        raise ValueError(f"'gpu' must be the UUID of one GPU as GPU-…, not {', '.join(marks)[:100]!r}")
    return found[0] if found else ""


def gpu_or_incident(call: ToolCall, scope: Scope) -> str:
    """The UUID a call names, else the one the incident was opened for; empty for neither.

    Raises:
        ValueError: it names something, and no UUID.
    """
    named = gpu_uuid(call)
    if named or call.arguments.get("node_name") not in (None, "", scope.node):
        return named
    lead = scope.incident.lead.gpu_uuid or ""
    return lead if UUID.fullmatch(lead) else ""


def days(call: ToolCall, default: int) -> int:
    """How many days back.

    Raises:
        ValueError: not a whole number in range.
    """
    word = text(call, "days", str(default))
    if not word.isdecimal() or not 1 <= int(word) <= MAX_DAYS:
        raise ValueError(f"'days' must be a whole number from 1 to {MAX_DAYS}, not {word!r}")
    return int(word)
