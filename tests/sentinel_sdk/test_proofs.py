"""Proofs check themselves against a key one already has, and believe nothing else the server says."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.timestamp_pb2 import Timestamp
from tests.sentinel_sdk.scripted import made

from sentinel.ext.v1 import ledger_pb2
from sentinel_sdk import VerificationError, methods
from sentinel_sdk.ledger.checkpoint import Signer
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.entry import GENESIS_HASH, Entry, EntryGpu
from sentinel_sdk.ledger.proofs import consistency_proof, inclusion_proof
from sentinel_sdk.ledger.tree import root_of
from sentinel_sdk.types import AuditEntry, Checkpoint, ConsistencyProof, GpuIdentifier, InclusionProof

SIGNER = Signer("test.example/ledger", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
KEY = SIGNER.key.text
OTHER_KEY = Signer("test.example/ledger", Ed25519PrivateKey.from_private_bytes(bytes(32))).key


class Ledger:
    """A small ledger that proves what it is asked to."""

    def __init__(self, size):
        self.entries, self.leaves = [], []
        previous = GENESIS_HASH
        for number in range(1, size + 1):
            gpu = EntryGpu("GPU-1", device_index=3) if number % 2 else None
            entry = Entry(number, 6, 1_700_000_000_123_456_789 + number, b"data", gpu, previous, b"")
            previous = entry_hash(entry)
            self.entries.append(entry)
            self.leaves.append(previous)

    def checkpoint(self, size):
        signed = SIGNER.sign(size, root_of(self.leaves[:size]), 1_700_000_100_000_000_000, batch_no=1)
        return made(
            ledger_pb2.Checkpoint, tree_size=size, root_hash=signed.checkpoint.root_hash, note=signed.note,
            public_key=SIGNER.key.public_key,
        )  # fmt: skip

    def inclusion(self, number, size):
        entry = self.entries[number - 1]
        wire = {
            "entry_id": entry.entry_id,
            "entry_type": entry.entry_type,
            "timestamp": Timestamp(seconds=entry.timestamp_ns // 10**9, nanos=entry.timestamp_ns % 10**9),
            "data": entry.data,
            "previous_hash": entry.previous_hash,
            "gpu": {"uuid": entry.gpu.uuid, "device_index": 3} if entry.gpu else None,
        }
        hashes = inclusion_proof(number - 1, size, lambda first, end: root_of(self.leaves[first:end]))
        return made(
            ledger_pb2.InclusionProof, entry=wire, leaf_index=number - 1, tree_size=size, hashes=hashes,
            checkpoint=self.checkpoint(size),
        )  # fmt: skip

    def consistency(self, first, second):
        hashes = consistency_proof(first, second, lambda start, end: root_of(self.leaves[start:end]))
        return made(
            ledger_pb2.ConsistencyProof, first_tree_size=first, second_tree_size=second, hashes=hashes,
            checkpoint=self.checkpoint(second),
        )  # fmt: skip


LEDGER = Ledger(11)


@pytest.mark.parametrize("number", [1, 2, 7, 11])
async def test_an_entry_that_stands_in_the_ledger_is_proved(server, ask, number):
    server.answers(methods.PROVE_INCLUSION, LEDGER.inclusion(number, 11))

    entry = (await ask("prove_inclusion", number)).verify(KEY)

    assert (entry.entry_id, entry.timestamp_ns) == (number, LEDGER.entries[number - 1].timestamp_ns)
    assert server.requests(methods.PROVE_INCLUSION) == [made(ledger_pb2.ProveInclusionRequest, entry_id=number)]


async def test_a_ledger_that_only_grew_is_proved(server, ask):
    server.answers(methods.GET_CHECKPOINT, LEDGER.checkpoint(6))
    server.answers(methods.PROVE_CONSISTENCY, LEDGER.consistency(6, 11))

    older = await ask("get_checkpoint")
    newer = (await ask("prove_consistency", older.tree_size)).verify(SIGNER.key, older)

    assert (older.tree_size, newer.tree_size) == (6, 11)


def _changed(proof, **fields):
    return proof.model_copy(update={"entry": proof.entry.model_copy(update=fields)})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"data": b"other"}, "not in the tree"),
        ({"timestamp_ns": 1}, "not in the tree"),
        ({"gpu": GpuIdentifier()}, "not in the tree"),
        ({"entry_type": 1}, "not in the tree"),
        ({"previous_hash": b"short"}, "cannot be hashed"),
        ({"entry_id": 3}, "is about leaf 1, not about entry 3"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_entry_that_was_changed_is_found_out(fields, reason):
    proof = _changed(InclusionProof.from_proto(LEDGER.inclusion(2, 11)), **fields)

    with pytest.raises(VerificationError, match=reason):
        proof.verify(KEY)


def test_a_checkpoint_of_another_key_is_not_believed_even_if_it_brings_the_key():
    with pytest.raises(VerificationError, match="no trusted key signed"):
        Checkpoint.from_proto(LEDGER.checkpoint(3)).verify(OTHER_KEY)


def test_size_and_root_are_those_that_were_signed():
    checkpoint = Checkpoint.from_proto(LEDGER.checkpoint(3))

    with pytest.raises(VerificationError, match="but size 3"):
        checkpoint.model_copy(update={"tree_size": 4}).verify(KEY)
    with pytest.raises(VerificationError, match="were signed"):
        checkpoint.model_copy(update={"root_hash": bytes(32)}).verify(KEY)


def test_a_key_that_cannot_be_read_is_an_error_of_ours():
    with pytest.raises(VerificationError, match="not to be trusted"):
        Checkpoint.from_proto(LEDGER.checkpoint(3)).verify("no key")


@pytest.mark.parametrize("change", [{"checkpoint": None}, {"tree_size": 10}], ids=["absent", "of another size"])
def test_a_proof_needs_a_signed_tree_head_of_its_size(change):
    proof = InclusionProof.from_proto(LEDGER.inclusion(2, 11)).model_copy(update=change)

    with pytest.raises(VerificationError, match="without a signed tree head"):
        proof.verify(KEY)


def test_a_proof_without_an_entry_proves_nothing():
    with pytest.raises(VerificationError, match="no entry"):
        InclusionProof().verify(KEY)


def test_a_ledger_that_was_rewritten_is_found_out():
    older = Checkpoint.from_proto(Ledger(6).checkpoint(6))
    rewritten = Ledger(11)
    rewritten.leaves[2] = bytes(32)

    with pytest.raises(VerificationError, match="does not begin with the one of size 6"):
        ConsistencyProof.from_proto(rewritten.consistency(6, 11)).verify(KEY, older)


def test_a_consistency_proof_begins_at_the_checkpoint_that_was_kept():
    older = Checkpoint.from_proto(LEDGER.checkpoint(5))

    with pytest.raises(VerificationError, match="begins at size 6, not at 5"):
        ConsistencyProof.from_proto(LEDGER.consistency(6, 11)).verify(KEY, older)


def test_an_entry_hashes_to_what_the_ledger_says():
    proof = InclusionProof.from_proto(LEDGER.inclusion(3, 11))

    assert isinstance(proof.entry, AuditEntry)
    assert entry_hash(proof.entry.as_ledger_entry()) == LEDGER.leaves[2]
