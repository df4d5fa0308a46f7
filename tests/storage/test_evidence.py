"""Evidence is kept whole, once for each content, and damage to one piece costs no other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select, update
from structlog.testing import capture_logs
from tests.storage.given import at, evidence

from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.evidence import TimeRange
from gcm_sentinel.storage.evidence import StoredEvidence
from gcm_sentinel.storage.schema import blobs


@pytest.fixture
def store(database) -> StoredEvidence:
    """Evidence in the database."""
    return StoredEvidence(database)


async def spoil(database, body: bytes) -> None:
    """Damage every stored body."""
    async with database.writing() as connection:
        await connection.execute(update(blobs).values(body=body))


async def test_comes_back_equal_with_everything_it_says(store):
    piece = evidence(raw="NUL \0, half a pair \ud800, 漢字\n")
    said = replace(piece.result, time_range=TimeRange(at(0), at(9)), entities=(gpu("gpu-7", index=3),), note="n")
    whole = replace(piece, result=said)

    await store.put("inc-1.1", whole)

    assert await store.get("inc-1.1", "E1") == whole


async def test_a_summary_comes_back_in_its_order(store):
    piece = evidence()
    ordered = replace(piece, result=replace(piece.result, summary={"z": 1, "a": 2}))

    await store.put("inc-1.1", ordered)

    found = await store.get("inc-1.1", "E1")
    assert found is not None
    assert list(found.result.summary) == ["z", "a"]


async def test_ten_megabytes_are_not_cut(store):
    piece = evidence(raw="".join(f"line {number} of the kernel log\n" for number in range(400_000)))

    await store.put("inc-1.1", piece)

    assert await store.get("inc-1.1", "E1") == piece


async def test_the_same_id_again_replaces_what_was_stored(store):
    await store.put("inc-1.1", evidence(raw="before the crash"))
    again = evidence(raw="after the crash")

    await store.put("inc-1.1", again)

    assert await store.all("inc-1.1") == (again,)


async def test_comes_in_the_order_of_the_calls(store):
    for evidence_id in ("E10", "E2", "E1"):
        await store.put("inc-1.1", evidence(evidence_id))

    assert [piece.id for piece in await store.all("inc-1.1")] == ["E1", "E2", "E10"]


async def test_of_another_investigation_is_not_seen(store):
    await store.put("inc-1.1", evidence())

    assert await store.get("inc-1.2", "E1") is None
    assert await store.all("inc-1.2") == ()


async def test_equal_results_share_one_body(store, database):
    await store.put("inc-1.1", evidence("E1"))
    await store.put("inc-2.1", evidence("E4"))

    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(blobs)) == 1


@pytest.mark.parametrize("body", [b"", b"x\x9cgarbage"], ids=["empty", "garbage"])
async def test_a_damaged_piece_is_an_error_when_asked_for(body, store, database):
    await store.put("inc-1.1", evidence())
    await spoil(database, body)

    with capture_logs() as logs, pytest.raises(BadResponse, match=r"evidence 'E1' of 'inc-1.1' cannot be read"):
        await store.get("inc-1.1", "E1")

    assert [entry["event"] for entry in logs] == ["evidence.damaged"]


async def test_another_body_than_was_stored_is_noticed(store, database):
    await store.put("inc-1.1", evidence(raw="one"))
    async with database.reading() as connection:
        one = await connection.scalar(select(blobs.c.body))
    await store.put("inc-1.1", evidence(raw="other"))
    await spoil(database, one)

    with pytest.raises(BadResponse, match="its content has the digest"):
        await store.get("inc-1.1", "E1")


async def test_a_damaged_piece_is_left_out_of_the_list(store, database):
    await store.put("inc-1.1", evidence("E1"))
    await spoil(database, b"x")
    await store.put("inc-1.1", evidence("E2", raw="whole"))

    with capture_logs() as logs:
        found = await store.all("inc-1.1")

    assert [piece.id for piece in found] == ["E2"]
    assert [(entry["event"], entry["evidence"]) for entry in logs] == [("evidence.damaged", "E1")]
