"""What stands before and after the entries of an export, so that it can be verified without the database.

The header names the checkpoint that seals the entries and, where the ledger no longer begins with entry 1, the hashes
of what retention removed. The end tells a complete file from one that was cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sentinel_gateway.domain.errors import Invalid

FORMAT = "sentinel-ledger-export/1"


@dataclass(frozen=True, slots=True)
class Header:
    """Before the first entry."""

    source: str
    """The database, without a password."""
    exported_at: str
    first_entry_id: int
    """The first entry the ledger still has."""
    tree_size: int
    """Of the checkpoint; entries after it are not exported."""
    checkpoint: str
    """The signed note; empty for a ledger without entries."""
    public_key: str
    """Of who signed it, as the database has it: for information."""
    previous_hash: str
    subtree_hashes: tuple[str, ...] = ()
    selection: dict[str, Any] = field(default_factory=dict)
    """What was asked for; empty for everything."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return not self.selection

    def to_json(self) -> dict[str, Any]:
        """The header object."""
        return {
            "format": FORMAT,
            "source": self.source,
            "exported_at": self.exported_at,
            "selection": self.selection,
            "first_entry_id": self.first_entry_id,
            "tree_size": self.tree_size,
            "previous_hash": self.previous_hash,
            "subtree_hashes": list(self.subtree_hashes),
            "public_key": self.public_key,
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_json(cls, value: object) -> Header:
        """The header in an object.

        Raises:
            Invalid: it is none.
        """
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise Invalid(f"this is no export of a ledger: its first record does not say {FORMAT!r}")
        texts = ("source", "exported_at", "checkpoint", "public_key", "previous_hash")
        numbers = ("first_entry_id", "tree_size")
        if any(not isinstance(value.get(name), str) for name in texts) or any(
            type(value.get(name)) is not int for name in numbers
        ):
            raise Invalid("the export's first record is damaged")
        subtrees, selection = value.get("subtree_hashes", []), value.get("selection", {})
        if not isinstance(subtrees, list) or not isinstance(selection, dict):
            raise Invalid("the export's first record is damaged")
        named = {name: value[name] for name in (*texts, *numbers)}
        return cls(**named, subtree_hashes=tuple(str(one) for one in subtrees), selection=selection)


def end_of(entries: int, last_entry_id: int) -> dict[str, Any]:
    """The object after the last entry."""
    return {"end": True, "entries": entries, "last_entry_id": last_entry_id}
