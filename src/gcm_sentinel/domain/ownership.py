"""Whose a node is at this moment: a node that somebody else keeps is theirs, and we stand back.

Read off the marks a holder leaves on the Node object. NVSentinel's are its own labels and annotations; a person's, or
another tool's, is a cordon that is not ours. Where the marks contradict each other, everybody who could hold it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FIELD_MANAGER = "gcm-sentinel"
"""The name we write under; what bears another name is not ours."""
TAINT_PREFIX = "gcm-sentinel/"
"""Of the keys of our own taints."""
NVSENTINEL_STATE = "dgxc.nvidia.com/nvsentinel-state"
"""Label: quarantined, draining, drain-succeeded, drain-failed, remediating, remediation-failed, or a later word."""
NVSENTINEL_QUARANTINE = ("quarantineHealthEvent", "quarantineHealthEventIsCordoned")
"""Annotations of its fault-quarantine module."""
NVSENTINEL_CORDON = "k8saas.nvidia.com/cordon-by"
"""Label; stays behind after a manual uncordon, so it only counts on a node that is cordoned (NVSentinel #1872)."""
EXTERNAL_TAINT = "nvsentinel.dgxc.nvidia.com/external-remediation"
"""Taint of a node that NVSentinel released to somebody else's repair."""


@dataclass(frozen=True, slots=True)
class NodeMarks:
    """What a Node object says of who keeps it."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    taints: frozenset[str] = frozenset()
    """Keys."""
    unschedulable: bool = False
    cordoned_by: str = ""
    """Field manager of `spec.unschedulable`; empty where the object does not say."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who keeps a node, and the mark that says so."""

    name: str
    mark: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.name} ({self.mark})"


def holders(marks: NodeMarks) -> tuple[Holder, ...]:
    """Everybody but us who keeps the node now."""
    found = [*_nvsentinel(marks)]
    if EXTERNAL_TAINT in marks.taints:
        found.append(Holder("an external repair", f"taint {EXTERNAL_TAINT}"))
    if marks.unschedulable and marks.cordoned_by != FIELD_MANAGER and not found:
        who = marks.cordoned_by or "somebody who left no name"
        found.append(Holder(who, "it is cordoned, and not by us"))
    return tuple(found)


def _nvsentinel(marks: NodeMarks) -> list[Holder]:
    state = marks.labels.get(NVSENTINEL_STATE)
    if state:
        return [Holder("NVSentinel", f"label {NVSENTINEL_STATE}={state}")]
    for annotation in NVSENTINEL_QUARANTINE:
        if marks.annotations.get(annotation, "").strip() not in ("", "[]", "False", "false"):
            return [Holder("NVSentinel", f"annotation {annotation}")]
    if marks.unschedulable and marks.labels.get(NVSENTINEL_CORDON):
        return [Holder("NVSentinel", f"label {NVSENTINEL_CORDON}={marks.labels[NVSENTINEL_CORDON]}")]
    return []
