"""`prove_audit_entry` and `verify_audit_ledger`: what this process can see for itself, and what it takes on trust."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.evidence import ResultStatus
from sentinel.v1.audit_pb2 import ChainVerificationResponse

TOOL = "prove_audit_entry"


@pytest.fixture(autouse=True)
def _seven_entries(double):
    for number in range(7):
        double.ledger.add(f"entry {number}".encode())


@pytest.mark.parametrize("entry_id", [1, 4, 7])
async def test_an_untouched_entry_is_proven_against_the_pinned_key(ask, entry_id):
    result = await ask(TOOL, entry_id=entry_id)

    assert result.summary["proven"] is True
    assert result.summary["signed"] is True
    assert f"entry {entry_id} stands unchanged in the tree of 7 entries, signed by the pinned key" in result.raw


async def test_without_a_pinned_key_nothing_counts_as_proven(asking):
    result = await asking(None)(TOOL, entry_id=2)

    assert (result.summary["included"], result.summary["signed"], result.summary["proven"]) == (True, None, False)
    assert "GCM_SENTINEL_SENTINEL_LEDGER_PUBLIC_KEY" in result.note


async def test_changed_content_is_seen_though_the_hash_was_left(double, ask):
    double.ledger.entries[3].data = b"somebody else"

    result = await ask(TOOL, entry_id=4)

    assert (result.summary["hash_matches"], result.summary["proven"]) == (False, False)
    assert "its content was changed" in result.raw


async def test_an_entry_that_was_put_in_place_of_another_is_seen(double, ask):
    double.ledger.entries[3].CopyFrom(double.ledger.entries[2])

    result = await ask(TOOL, entry_id=4)

    assert (result.summary["included"], result.summary["proven"]) == (False, False)


async def test_a_tree_head_of_another_key_is_not_believed(double, ask):
    from tests.sentinel_source.ledger_double import LedgerDouble

    double.ledger.sign_as(LedgerDouble())

    result = await ask(TOOL, entry_id=1)

    assert (result.summary["signed"], result.summary["proven"]) == (False, False)


async def test_a_ledger_that_grows_stays_consistent(double, ask):
    await ask(TOOL, entry_id=1)
    double.ledger.add(b"one more")

    result = await ask(TOOL, entry_id=8)

    assert (result.summary["consistent"], result.summary["proven"]) == (True, True)


@pytest.mark.parametrize("keep", [5, 0], ids=["cut", "rewritten"])
async def test_a_ledger_that_forgets_or_is_rewritten_under_our_eyes_is_seen(double, ask, keep):
    await ask(TOOL, entry_id=1)
    del double.ledger.entries[keep:]
    for number in range(8 if keep == 0 else 0):
        double.ledger.add(f"other {number}".encode())

    result = await ask(TOOL, entry_id=1)

    assert (result.summary["consistent"], result.summary["proven"]) == (False, False)
    assert "does not extend the one seen before" in result.raw


async def test_an_entry_that_is_not_there_is_no_data(ask):
    assert (await ask(TOOL, entry_id=8)).status is ResultStatus.NO_DATA


@pytest.mark.parametrize("arguments", [{}, {"entry_id": 0}, {"entry_id": "first"}], ids=str)
async def test_what_is_no_entry_is_answered_in_words(ask, arguments):
    assert (await ask(TOOL, **arguments)).status is ResultStatus.ERROR


async def test_the_gateways_own_check_is_told_as_such(double, ask):
    double.ledger.verdict = ChainVerificationResponse(valid=True, entries_verified=7, batches_verified=3)

    result = await ask("verify_audit_ledger")

    assert (result.summary["valid"], result.summary["entries_verified"]) == (True, 7)
    assert "gateway's check of its own store" in result.note


async def test_a_broken_chain_names_the_first_bad_entry_and_its_kind(double, ask):
    double.ledger.verdict = ChainVerificationResponse(
        valid=False, first_invalid_entry_id=4, failure_description="changed: entry 4 does not have its hash"
    )

    result = await ask("verify_audit_ledger", first_entry=1, last_entry=7)

    assert (result.status, result.summary["first_bad_entry"]) == (ResultStatus.OK, 4)
    assert "first bad is entry 4: changed" in result.raw
    assert result.query == "VerifyChain from 1 to 7 with tree heads"
