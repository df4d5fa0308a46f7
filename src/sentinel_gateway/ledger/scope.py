"""What to verify of a ledger, and against what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentinel_sdk.ledger.checkpoint import VerifierKey


@dataclass(frozen=True, slots=True)
class Scope:
    """A range of the ledger and who is trusted."""

    start_entry_id: int = 0
    """0 for the beginning; entries that retention removed are left out."""
    end_entry_id: int = 0
    """0 for the end."""
    with_roots: bool = True
    """Whether to check tree heads too, not only entries and their chain."""
    trusted_keys: Sequence[VerifierKey] = ()
    """Who may have signed; where there are none, the keys that the database itself names."""
    expected_note: str | None = None
    """A checkpoint kept outside; the ledger must still contain what it saw. Asked of whole ledgers only."""


EVERYTHING = Scope()
"""The whole ledger, by its own keys."""
