"""Entries of the ledger between the wire and our values."""

from __future__ import annotations

from collections.abc import Callable

from sentinel.ext.v1 import ledger_pb2
from sentinel.v1 import audit_pb2
from sentinel_gateway.ledger.proofs import Consistency, Inclusion
from sentinel_gateway.services.wire_values import checked_ns, timestamp
from sentinel_sdk.ledger.checkpoint import SignedCheckpoint
from sentinel_sdk.ledger.entry import NewEntry
from sentinel_sdk.ledger.verification import Verification
from sentinel_sdk.ledger.wire import entry_to_proto, gpu_from_proto


def new_entry(entry: audit_pb2.AuditEntry, number: int, now_ns: Callable[[], int]) -> NewEntry:
    """An entry somebody wants recorded; ids and hashes are the ledger's to give. Without a time it is recorded as now.

    Raises:
        Invalid: a time no database can keep.
    """
    sent = entry.HasField("timestamp")
    return NewEntry(
        entry_type=entry.entry_type,
        timestamp_ns=checked_ns(entry.timestamp, f"entries[{number}].timestamp") if sent else now_ns(),
        data=entry.data,
        gpu=gpu_from_proto(entry.gpu) if entry.HasField("gpu") else None,
    )


def verification_to_wire(found: Verification) -> audit_pb2.ChainVerificationResponse:
    """What a verification found."""
    return audit_pb2.ChainVerificationResponse(
        valid=found.valid,
        first_invalid_entry_id=found.first_invalid_entry_id,
        failure_description=found.description,
        entries_verified=found.entries_verified,
        batches_verified=found.batches_verified,
        verification_time_ms=int(found.elapsed.total_seconds() * 1000),
    )


def checkpoint_to_wire(signed: SignedCheckpoint) -> ledger_pb2.Checkpoint:
    """A signed tree head."""
    return ledger_pb2.Checkpoint(
        tree_size=signed.checkpoint.tree_size,
        root_hash=signed.checkpoint.root_hash,
        timestamp=timestamp(signed.checkpoint.timestamp_ns),
        note=signed.note,
        public_key=signed.key.public_key,
    )


def inclusion_to_wire(proof: Inclusion) -> ledger_pb2.InclusionProof:
    """That an entry is in the tree."""
    return ledger_pb2.InclusionProof(
        entry=entry_to_proto(proof.entry),
        leaf_index=proof.leaf_index,
        tree_size=proof.tree_size,
        hashes=proof.hashes,
        checkpoint=checkpoint_to_wire(proof.head) if proof.head else None,
    )


def consistency_to_wire(proof: Consistency) -> ledger_pb2.ConsistencyProof:
    """That a larger tree begins with a smaller one."""
    return ledger_pb2.ConsistencyProof(
        first_tree_size=proof.first_tree_size,
        second_tree_size=proof.second_tree_size,
        hashes=proof.hashes,
        checkpoint=checkpoint_to_wire(proof.head) if proof.head else None,
    )
