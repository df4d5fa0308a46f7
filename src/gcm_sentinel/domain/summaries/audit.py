"""What the audit ledger tells: entries, verification, proofs."""

from __future__ import annotations

from typing import TypedDict

from gcm_sentinel.domain.jsontypes import JsonObject


class AuditEntrySummary(TypedDict):
    """One entry."""

    id: int
    kind: str
    at: str | None
    gpu: str | None
    node: str | None
    message: str
    """What `content` was read as; empty where this version does not know the kind."""
    content: JsonObject | None
    data_bytes: int
    data_sha256: str
    entry_hash: str


class AuditQuerySummary(TypedDict):
    """`query_audit_ledger`."""

    entries: list[AuditEntrySummary]
    entries_total: int
    """How many match; may be approximate."""
    by_kind: dict[str, int]
    """Of the entries that were read."""
    since: str
    until: str
    cut: bool


class AuditVerificationSummary(TypedDict):
    """`verify_audit_ledger`: the gateway's own check of its chain."""

    first: int
    """0 for the beginning."""
    last: int
    """0 for the newest."""
    valid: bool
    entries_verified: int
    batches_verified: int
    first_bad_entry: int | None
    failure: str
    took_ms: int


class AuditProofSummary(TypedDict):
    """`prove_audit_entry`: what this process could verify for itself."""

    entry: AuditEntrySummary
    proven: bool
    """Hash, inclusion and a signature by the pinned key all hold."""
    hash_matches: bool
    included: bool
    key_pinned: bool
    signed: bool | None
    """None where no key is pinned: then the gateway's word for the root is all there is."""
    consistent: bool | None
    """The tree extends the one seen before by this process; None where it saw none."""
    origin: str
    tree_size: int
    root: str
    tree_head_at: str | None
