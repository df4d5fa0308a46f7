"""Entries, verification and proofs of the audit ledger as results. Pure.

What an entry says was written by whoever recorded it; the ledger shows that it was recorded and when, not that it is
true. So an entry makes no GPU or node exist in an investigation.
"""

from __future__ import annotations

import json
from collections import Counter

from gcm_sentinel.datasources import audit_ledger_tallies
from gcm_sentinel.datasources.cluster_reads import iso
from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.datasources.tool_calls import as_json
from gcm_sentinel.domain.audit import AuditEntry, AuditPage, EntryProof, Verification
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.summaries import (
    AuditEntrySummary,
    AuditProofSummary,
    AuditQuerySummary,
    AuditVerificationSummary,
)


def entries(page: AuditPage, query: str, window: TimeRange) -> ToolResult:
    """What a filter found."""
    summary = AuditQuerySummary(
        entries=[entry_summary(entry) for entry in page.entries],
        entries_total=page.total,
        by_kind=dict(Counter(entry.kind for entry in page.entries)),
        probes=audit_ledger_tallies.probes(page.entries),
        anomalies=audit_ledger_tallies.anomalies(page.entries),
        events=audit_ledger_tallies.events(page.entries),
        states=audit_ledger_tallies.states(page.entries),
        since=str(iso(window.start)),
        until=str(iso(window.end)),
        cut=page.more,
    )
    note = f"{len(page.entries)} of about {page.total} entries were read; narrow the question." if page.more else ""
    return ToolResult(
        ResultStatus.OK if page.entries else ResultStatus.NO_DATA,
        query,
        as_json(summary),
        "\n".join(map(line, page.entries)),
        time_range=window,
        note=note or ("" if page.entries else "No entry matches: nothing of the kind was recorded in this time."),
    )


def verification(found: Verification, first: int, last: int, query: str) -> ToolResult:
    """The gateway's check of its chain."""
    summary = AuditVerificationSummary(
        first=first,
        last=last,
        valid=found.valid,
        entries_verified=found.entries,
        batches_verified=found.batches,
        first_bad_entry=found.first_bad,
        failure=plain(found.failure, 600),
        took_ms=found.took_ms,
    )
    said = f"valid, {found.entries} entries and {found.batches} batches verified in {found.took_ms} ms"
    if not found.valid:
        where = f"entry {found.first_bad}" if found.first_bad is not None else "an entry it does not name"
        said = f"not valid: first bad is {where}: {plain(found.failure, 600)}; {found.entries} entries verified"
    note = "This is the gateway's check of its own store; prove_audit_entry verifies an entry here, against its key."
    return ToolResult(ResultStatus.OK, query, as_json(summary), f"chain {said}", note=note)


def proof(found: EntryProof, query: str) -> ToolResult:
    """A proof that was verified here."""
    head = found.checkpoint
    summary = AuditProofSummary(
        entry=entry_summary(found.entry),
        proven=found.proven,
        hash_matches=found.hash_matches,
        included=found.included,
        key_pinned=found.pinned,
        signed=found.signed,
        consistent=found.consistent,
        origin=plain(head.origin, 200),
        tree_size=head.size,
        root=head.root,
        tree_head_at=iso(head.at),
    )
    raw = "\n".join([line(found.entry), f"{verdict(found)}", head.note.strip()])
    return ToolResult(ResultStatus.OK, query, as_json(summary), raw, note=_weakness(found))


def verdict(found: EntryProof) -> str:
    """One line: what holds."""
    number, size = found.entry.id, found.checkpoint.size
    if not found.hash_matches:
        return f"entry {number} does not have the hash it bears: its content was changed"
    if not found.included:
        return f"entry {number} is not in the tree of {size} entries: the proof does not lead to its root"
    if found.signed is False:
        return f"entry {number} is in a tree of {size} entries whose head the pinned key has not signed"
    if found.consistent is False:
        return f"entry {number} is in a tree of {size} entries that does not extend the one seen before: rewritten"
    signed = "signed by the pinned key" if found.signed else "signed by a key nobody has pinned"
    return f"entry {number} stands unchanged in the tree of {size} entries, {signed}"


def _weakness(found: EntryProof) -> str:
    if found.pinned:
        return ""
    return (
        "No key is pinned (GCM_SENTINEL_SENTINEL_LEDGER_PUBLIC_KEY), so this shows that entry, proof and root agree"
        " with each other, and not that the gateway did not write all three anew."
    )


def entry_summary(entry: AuditEntry) -> AuditEntrySummary:
    """One entry; its content was bounded when it was read."""
    return AuditEntrySummary(
        id=entry.id,
        kind=entry.kind,
        at=iso(entry.at),
        gpu=plain(entry.gpu_uuid, 90) or None,
        node=plain(entry.node, 253) or None,
        message=entry.message,
        content=entry.content,
        data_bytes=entry.data_bytes,
        data_sha256=entry.data_sha256,
        entry_hash=entry.entry_hash,
    )


def line(entry: AuditEntry) -> str:
    """One entry as a line."""
    about = " ".join(word for word in (plain(entry.node, 253), plain(entry.gpu_uuid, 90)) if word)
    said = f"{entry.data_bytes} bytes of a kind not known here, sha256 {entry.data_sha256}"
    if entry.content is not None:
        said = f"{entry.message} {json.dumps(entry.content, ensure_ascii=False)}"
    elif not entry.data_bytes:
        said = "without data"
    return f"{entry.id} {iso(entry.at) or 'when unknown'} {entry.kind}{' ' + about if about else ''}: {said}"
