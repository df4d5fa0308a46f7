"""Proofs and pages over gRPC, and what a tampered ledger is told; on both databases."""

from __future__ import annotations

import grpc
import pytest
from tests.sentinel_gateway.driving import WITHIN_S, batch, code_of, execution, until

from sentinel.ext.v1 import ledger_pb2
from sentinel.v1 import audit_pb2
from sentinel_sdk.ledger.checkpoint import VerifierKey, opened
from sentinel_sdk.ledger.proofs import is_consistent, is_included


@pytest.fixture
def groups(database):
    return database


@pytest.fixture
async def filled(client):
    for number in range(5):
        await client.report(batch(execution(2, execution_id=str(number)), sequence=number))
    return client


async def test_an_entry_is_proved_to_whoever_has_the_operators_key(filled):
    proof = await filled.ledger.ProveInclusion(ledger_pb2.ProveInclusionRequest(entry_id=3), timeout=WITHIN_S)

    signed = proof.checkpoint
    head = opened(signed.note, [VerifierKey("sentinel-gateway", signed.public_key)])
    assert head.root_hash == signed.root_hash
    assert is_included(proof.entry.entry_hash, proof.leaf_index, proof.tree_size, list(proof.hashes), head.root_hash)


async def test_a_larger_ledger_is_proved_to_begin_with_a_smaller_one(filled):
    first = await filled.ledger.GetCheckpoint(ledger_pb2.GetCheckpointRequest(), timeout=WITHIN_S)
    await filled.report(batch(execution(2, execution_id="more"), sequence=9))

    wanted = ledger_pb2.ProveConsistencyRequest(first_tree_size=first.tree_size)
    proof = await filled.ledger.ProveConsistency(wanted, timeout=WITHIN_S)
    sizes = (proof.first_tree_size, proof.second_tree_size)
    assert sizes[0] < sizes[1]
    assert is_consistent(*sizes, first.root_hash, proof.checkpoint.root_hash, list(proof.hashes))


@pytest.mark.parametrize("entry_id", [0, 10_000])
async def test_an_entry_that_is_not_there_cannot_be_proved(filled, entry_id):
    wanted = ledger_pb2.ProveInclusionRequest(entry_id=entry_id)

    assert await code_of(filled.ledger.ProveInclusion(wanted, timeout=WITHIN_S)) is grpc.StatusCode.NOT_FOUND


async def test_large_entries_come_in_pages_that_every_client_takes(client):
    large = audit_pb2.AuditEntry(entry_type=audit_pb2.AUDIT_ENTRY_TYPE_ANOMALY_EVENT, data=bytes(3 << 20))
    for _ in range(3):
        await client.audit.IngestEvents(audit_pb2.AuditIngestRequest(entries=[large]), timeout=WITHIN_S)
    query = audit_pb2.AuditQueryRequest(entry_type=large.entry_type, limit=1000)

    found: list[list[int]] = []
    while query.page_token or not found:
        page = await client.audit.QueryAuditTrail(query, timeout=WITHIN_S)
        query.page_token = page.next_page_token
        found.append([len(entry.data) for entry in page.entries])

    assert found == [[3 << 20]] * 3


async def test_a_changed_entry_is_named(filled, tamper):
    tamper("UPDATE ledger_entries SET timestamp_ns = timestamp_ns + 1 WHERE entry_id = 4")

    found = await filled.audit.VerifyChain(audit_pb2.ChainVerificationRequest(), timeout=WITHIN_S)
    assert (found.valid, found.first_invalid_entry_id) == (False, 4)
    assert "entry 4" in found.failure_description


_TAMPERING = {
    "the newest deleted": (
        ("DELETE FROM ledger_entries WHERE entry_id >= 5", "DELETE FROM ledger_batches WHERE last_entry_id >= 5"), 5
    ),
    "one deleted": (("DELETE FROM ledger_entries WHERE entry_id = 3",), 3),
    "two swapped": (
        (
            "UPDATE ledger_entries SET entry_id = -2 WHERE entry_id = 2",
            "UPDATE ledger_entries SET entry_id = 2 WHERE entry_id = 3",
            "UPDATE ledger_entries SET entry_id = 3 WHERE entry_id = -2",
        ), 2
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "first_bad"), _TAMPERING.values(), ids=_TAMPERING)
async def test_whatever_was_done_to_the_rows_the_first_bad_entry_is_named(filled, tamper, statements, first_bad):
    tamper(*statements)

    found = await filled.audit.VerifyChain(
        audit_pb2.ChainVerificationRequest(verify_merkle_roots=True), timeout=WITHIN_S
    )
    assert (found.valid, found.first_invalid_entry_id) == (False, first_bad)


class TestPeriodicVerification:
    @pytest.fixture
    def groups(self, database):
        return {"ledger": {"verification_interval_seconds": 0.05}, **database}

    async def test_its_outcome_is_seen(self, gateway, filled, tamper):
        await until(lambda: _is(gateway, "valid"), "verified")
        tamper("UPDATE ledger_entries SET entry_type = entry_type % 6 + 1 WHERE entry_id = 2")

        await until(lambda: _is(gateway, "changed"), "the change is found")
        assert (await gateway.condition.report())["ledger"] == "changed"


async def _is(gateway, result: str) -> bool:
    return bool(gateway.condition.ledger.result == result)
