"""Findings over a GPU that a report names and the node has not: where its UUID reports from now.

Names of nodes and slots stay on labels and alerts when a board moves; the UUID goes with it. Exporters write it on
every series, so one query over the fleet shows where the GPU is, which the report's own node cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations

_UUID = re.compile(r"GPU-[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NODE_LABELS = ("Hostname", "node", "nodename", "kubernetes_node")


def _named(obs: Observations) -> str:
    """The UUID the trigger names, as it is written there; empty when it names none."""
    found = _UUID.search(obs.trigger.message)
    return obs.trigger.gpu_uuid or (found[0] if found else "")


def stranger(obs: Observations) -> str:
    """UUID of the GPU that the trigger names, where the node is known not to have it; else empty."""
    return _named(obs) if uuid_elsewhere.check(obs, None, ()).holds else ""


def places(obs: Observations) -> Iterator[tuple[GpuRef, Citation]]:
    """Where series of the named GPU come from, other than the node itself."""
    wanted = _named(obs).lower()
    for seen in obs.queries if wanted else ():
        for place, item in enumerate(seen.data["series"]):
            labels = item["labels"]
            node = next((labels[key] for key in _NODE_LABELS if labels.get(key)), "")
            uuid = labels.get("UUID", labels.get("uuid", ""))
            if uuid.lower() == wanted and node and node != obs.node:
                index = int(labels["gpu"]) if labels.get("gpu", "").isdecimal() else None
                yield GpuRef(node, index, uuid), seen.figure(f"series[{place}].labels.{_uuid_label(labels)}")


def _uuid_label(labels: dict[str, str]) -> str:
    return "UUID" if "UUID" in labels else "uuid"


@predicate("gpu_metrics", "alerts")
def uuid_elsewhere(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU UUID the trigger names is not on this node."""
    named = _named(obs).lower()
    known = {ref.uuid.lower() for ref in obs.gpus if ref.uuid}
    if not named or len(known) < 2 or obs.metrics is None:
        return UNKNOWN
    if named in known:
        return no()
    return yes("the GPU UUID that the report names is not on this node", obs.metrics.figure("gpus"))


@predicate("stranger_series")
def uuid_found(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU that the trigger names reports from another node."""
    found = list(places(obs))
    if not found:
        return UNKNOWN
    ref, cite = found[0]
    return yes(f"{ref.uuid} reports from {ref.node} as {ref.label}", cite)
