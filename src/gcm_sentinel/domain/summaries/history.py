"""What the store of earlier incidents tells."""

from __future__ import annotations

from typing import TypedDict


class PartSummary(TypedDict):
    """A culprit of an earlier incident, by all that was known of it then."""

    kind: str
    name: str
    node: str | None
    index: int | None
    uuid: str | None
    pci: str | None
    serial: str | None


class PastIncidentSummary(TypedDict):
    """One earlier incident."""

    id: str
    node: str
    opened_at: str
    age_s: float
    closed_at: str | None
    """None while it is open."""
    fault_class: str
    severity: str
    confidence: float
    kinds: list[str]
    """Condition types and alert names it was opened for."""
    xids: list[int]
    """Xids its summary names."""
    parts: list[PartSummary]
    summary: str
    recommended: str
    """The primary action that was recommended, whether or not anybody did it."""
    taken: list[str]
    """Actions that were carried out, oldest first."""
    closed_as: str
    mended: bool
    """A repair was carried out, or it recovered: the same fault on the same part now means that it came back."""


class FaultOnPartSummary(TypedDict):
    """One kind of fault on one part, over all incidents that were found; the present incident is not counted."""

    part: PartSummary
    fault: str
    """The family of fault classes that count as the same fault, or the class itself."""
    fault_classes: list[str]
    times: int
    first_at: str
    last_at: str
    incidents: list[str]
    """Newest first."""
    repairs: list[str]
    """Repairs that were carried out, newest first."""
    mended: bool
    """The last of them was mended, so that the fault, if it is there now, came back."""
    came_back: bool
    """Even among these incidents it came back after one of them was mended."""
    nodes: list[str]
    """Where it happened, newest first; several mean that the fault went with the part."""
    others_at_place: int
    """How many other GPUs had the same fault at the same place of the node: then it is the slot's."""


class HistorySummary(TypedDict):
    """`get_incident_history`."""

    node: str | None
    """None when the whole fleet was asked for."""
    gpu: list[str]
    """UUID and serial number of the GPU that was asked for."""
    fault_class: str | None
    since: str
    kept_since: str | None
    """How far the store reaches back; None when it holds nothing at all."""
    incidents_total: int
    by_fault_class: dict[str, int]
    by_part: list[FaultOnPartSummary]
    """The most frequent first."""
    incidents: list[PastIncidentSummary]
    """Newest first."""
