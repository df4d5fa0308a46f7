"""What the knowledge base tells."""

from __future__ import annotations

from typing import TypedDict


class KnowledgeEntry(TypedDict):
    """One row of the knowledge base."""

    kind: str
    key: str
    name: str
    meaning: str
    immediate: str
    """What to do at once, in the catalogue's words."""
    recurring: str
    """What to do when it comes back."""
    notes: str
    source: str


class KnowledgeSummary(TypedDict):
    """`lookup_knowledge`."""

    kind: str
    entries: list[KnowledgeEntry]
    missing: list[str]
