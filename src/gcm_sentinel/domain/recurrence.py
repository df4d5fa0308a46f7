"""Whether a fault has come back: earlier incidents grouped by the part they named and the kind of fault. Pure.

The part decides, not the place: a GPU is the same one by UUID or serial wherever it sits, and an index under which
another UUID sat is another GPU (`Entity.same_as`). Classes that share a mechanism are the same fault: a memory error
that was contained and one that was not are two faces of one bad bank.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from gcm_sentinel.domain.entity import Entity, EntityKind, normal_pci
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.history import PastIncident

_FAMILIES = MappingProxyType({
    "gpu bus": (FaultClass.GPU_OFF_BUS, FaultClass.GPU_INIT_FAILURE, FaultClass.PCIE_LINK_DEGRADED),
    "gpu memory": (
        FaultClass.HBM_CONTAINED_ERROR, FaultClass.HBM_UNCONTAINED_ERROR, FaultClass.HBM_REMAP_EXHAUSTED,
        FaultClass.HBM_ECC_ESCAPE, FaultClass.HBM_CORRECTABLE_STORM, FaultClass.HBM_REMAP_PENDING,
    ),
    "gpu compute": (
        FaultClass.GPU_MMU_HARDWARE, FaultClass.GPU_SM_DEFECT, FaultClass.GPU_HARDWARE_OTHER, FaultClass.TRANSIENT_XID,
    ),
    "nvlink": (FaultClass.NVLINK_MARGINAL_LINK, FaultClass.NVLINK_HARDWARE),
    "silent corruption": (FaultClass.SDC_CONFIRMED, FaultClass.SDC_SUSPECTED),
})  # fmt: skip
_FAMILY_OF = {str(member): family for family, members in _FAMILIES.items() for member in members}

MENDING = frozenset({
    "reset-gpu", "reboot", "power-cycle", "rma", "replace-gpu", "replace", "reseat", "field-diag", "probe-deep",
    "reload-driver", "restart-ds",
})  # fmt: skip
"""Actions meant to mend, after which the same fault has come back."""
_IN_VAIN = frozenset({"failed", "refused", "cancelled", "expired", "rejected", "undone"})
_PARTS = (EntityKind.GPU, EntityKind.NIC)
_SAYS_MENDED = re.compile(
    r"\b(?:reset|reboot|power.?cycl|replac|swap|reseat|repair|fixed|mended|rma|recover)", re.IGNORECASE
)
_SAYS_NOT = re.compile(
    r"\b(?:not|never|no|without|fail\w*|unable|needs?|wait\w*|pending|planned|scheduled)\b|n't\b", re.I
)
"""A reason with one of these may speak of a repair that is still to come, or that came to nothing."""
_XIDS = re.compile(r"\bXids?\s{1,3}(\d{1,3}(?:(?:,|\s{1,3}and)\s{1,3}\d{1,3})*)\b", re.IGNORECASE)

_Group: TypeAlias = tuple[Entity, str, list[PastIncident]]


def family_of(fault_class: str) -> str:
    """The kind of fault a class belongs to: its family, or itself where it stands alone."""
    return _FAMILY_OF.get(fault_class, fault_class)


def repairs(incident: PastIncident) -> tuple[str, ...]:
    """The actions carried out that were meant to mend and did not fail, oldest first."""
    return tuple(taken for taken in incident.actions_taken if _mends(taken))


def _mends(taken: str) -> bool:
    action, _, rest = taken.strip().partition(" ")
    return action.replace("_", "-") in MENDING and rest.rpartition(" ")[2].lower() not in _IN_VAIN


def recovered(incident: PastIncident) -> bool:
    """Whether it was over when it closed: nothing was wrong any more, or whoever closed it says it was mended."""
    if incident.closed_at is None or merged_away(incident):
        return False
    if not incident.close_reason.lower().startswith("closed by"):
        return True
    why = incident.close_reason.partition(": ")[2]  # not who: a name may say anything
    return bool(_SAYS_MENDED.search(why)) and not _SAYS_NOT.search(why)


def mended(incident: PastIncident) -> bool:
    """Whether it was repaired or recovered, so that the same fault on the same part now means that it came back."""
    return bool(repairs(incident)) or recovered(incident)


def merged_away(incident: PastIncident) -> bool:
    """Whether it became part of another incident, which then stands for both."""
    return incident.close_reason.lower().startswith("merged")


def xids_named(text: str) -> tuple[int, ...]:
    """The Xids a sentence of ours names: ``Xid 62``, ``Xids 48, 63 and 94``."""
    found = [int(code) for codes in _XIDS.findall(text) for code in re.findall(r"\d{1,3}", codes)]
    return tuple(dict.fromkeys(found))


def parts_of(incident: PastIncident) -> tuple[Entity, ...]:
    """The GPUs and NICs an incident blames, else its other culprits, else its node."""
    devices = tuple(entity for entity in incident.entities if entity.kind in _PARTS)
    return devices or incident.entities or (node_entity(incident.node),)


def same_slot(one: Entity, other: Entity) -> bool:
    """Whether two GPUs sit or sat at one place of one node."""
    if one.kind is not EntityKind.GPU or other.kind is not EntityKind.GPU or not one.node or one.node != other.node:
        return False
    if one.pci and other.pci:
        return normal_pci(one.pci) == normal_pci(other.pci)
    return one.index is not None and one.index == other.index


@dataclass(frozen=True, slots=True)
class FaultOnPart:
    """One kind of fault on one part."""

    part: Entity
    """By the fullest identity any of the incidents gave."""
    fault: str
    incidents: tuple[PastIncident, ...]
    """Newest first; at least one."""

    @property
    def mended(self) -> bool:
        """Whether the last of them was mended: if the fault is there now, it came back."""
        return mended(self.incidents[0])

    @property
    def came_back(self) -> bool:
        """Whether one of them followed another that had been mended."""
        return any(mended(earlier) for earlier in self.incidents[1:])


def on_parts(incidents: Iterable[PastIncident]) -> tuple[FaultOnPart, ...]:
    """Earlier incidents by part and kind of fault, the most frequent first, then the latest."""
    newest_first = sorted(incidents, key=lambda item: item.opened_at, reverse=True)
    groups: list[_Group] = []
    for incident in newest_first:
        fault = family_of(incident.fault_class)
        for part in () if merged_away(incident) else parts_of(incident):
            _add(groups, part, fault, incident)
    found = [FaultOnPart(part, fault, tuple(members)) for part, fault, members in groups]
    return tuple(sorted(found, key=lambda item: -len(item.incidents)))


def _add(
    groups: list[tuple[Entity, str, list[PastIncident]]], part: Entity, fault: str, incident: PastIncident
) -> None:
    for place, (known, kind, members) in enumerate(groups):
        if kind == fault and known.same_as(part):
            if incident not in members:
                members.append(incident)
            groups[place] = (_fuller(known, part), kind, members)
            return
    groups.append((part, fault, [incident]))


def _fuller(one: Entity, other: Entity) -> Entity:
    return other if not one.uuid and other.uuid else one


def by_fault_class(incidents: Sequence[PastIncident]) -> dict[str, int]:
    """How often each fault class was found, the most frequent first."""
    counted = Counter(incident.fault_class for incident in incidents if not merged_away(incident))
    return dict(counted.most_common())
