"""What a node's own agent captured before an action destroyed it."""

from __future__ import annotations

from typing import TypedDict


class CapturedPartSummary(TypedDict):
    """One named part; its content stands in the raw text of the evidence, in the same order."""

    name: str
    sent_bytes: int
    kept_bytes: int
    """Less than were sent where the part is larger than is kept."""
    sha256: str
    """Of the part as the node sent it, hexadecimal, checked on arrival: secrets are removed later."""
    cut_by_node: bool
    """There was more on the node than a part may have."""
    missing: str
    """Why there is no content; empty where there is."""


class NodeEvidenceSummary(TypedDict):
    """`capture_node_evidence`."""

    node: str
    boot_id: str
    started_at: str
    """By the node's clock, as is `ended_at`."""
    ended_at: str
    parts: list[CapturedPartSummary]
    parts_total: int
