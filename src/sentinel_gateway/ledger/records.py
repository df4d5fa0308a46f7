"""What the ledger records about itself: SYSTEM_EVENT entries whose data is a `sentinel.ext.v1.SystemRecord`."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.ext.v1.records_pb2 import RetentionCut, SystemRecord
from sentinel.v1.audit_pb2 import AUDIT_ENTRY_TYPE_SYSTEM_EVENT
from sentinel_gateway.ledger.cuts import Cut
from sentinel_sdk.ledger.entry import NewEntry

RETENTION_CUT = "ledger.retention_cut"
TAIL_SEALED = "ledger.tail_sealed"
LOSS_ACCEPTED = "ledger.loss_accepted"
CHECKPOINT_MISSING = "ledger.checkpoint_missing"
KEY_CHANGED = "ledger.key_changed"


def system_entry(event: str, timestamp_ns: int, fields: Mapping[str, object]) -> NewEntry:
    """An entry about something that happened to the ledger."""
    record = SystemRecord(event=event, fields={name: str(value) for name, value in fields.items()})
    return NewEntry(AUDIT_ENTRY_TYPE_SYSTEM_EVENT, timestamp_ns, record.SerializeToString(deterministic=True))


def cut_entry(cut: Cut, timestamp_ns: int, fields: Mapping[str, object]) -> NewEntry:
    """The entry that tells of a cut."""
    detail = RetentionCut(
        first_kept_entry_id=cut.first_kept,
        last_removed_hash=cut.last_removed_hash,
        subtree_hashes=cut.subtree_hashes,
        entries_removed=cut.removed,
    )
    texts = {name: str(value) for name, value in fields.items()}
    record = SystemRecord(event=RETENTION_CUT, fields=texts, retention_cut=detail)
    return NewEntry(AUDIT_ENTRY_TYPE_SYSTEM_EVENT, timestamp_ns, record.SerializeToString(deterministic=True))
