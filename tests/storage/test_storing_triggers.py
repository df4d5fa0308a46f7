"""A batch of observations is stored once, whole and in order, whoever stores it and however often."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.storage.deciding import ids_of, observed
from tests.storage.given import READY, at

from gcm_sentinel.domain.incident_record import TriggerState
from gcm_sentinel.domain.triage_changes import RuleOn
from gcm_sentinel.storage.schema import triggers


async def test_says_how_many_were_new(triage):
    assert await triage.tell(observed(), observed(node="gpu-2")) == 2
    assert await triage.tell(observed(), observed(node="gpu-3")) == 1


async def test_storing_a_batch_again_changes_nothing(triage):
    batch = [observed(), observed("recovered", changed=1), observed("recovered", changed=None, seen=2, kind=READY)]
    await triage.tell(*batch)
    before = await triage.look()

    assert await triage.tell(*batch) == 0

    assert await triage.look() == before


async def test_triage_sees_them_in_the_order_they_came(triage):
    batch = [observed(node=f"gpu-{number}", changed=-number) for number in (3, 1, 2)]

    await triage.tell(*batch)

    assert [stored.trigger for stored in (await triage.look()).pending] == batch


async def test_an_empty_batch_is_fine(triage):
    assert await triage.tell() == 0


async def test_replicas_that_store_the_same_at_once_store_it_once(triage):
    batch = [observed(node=f"gpu-{number}") for number in range(50)]

    stored = await asyncio.gather(*(triage.tell(*order) for order in (batch, batch[::-1], batch)))

    assert sorted(stored) == [0, 0, 50]
    assert len((await triage.look()).pending) == 50


async def test_keeps_every_character_a_message_may_hold(triage, database):
    odd = "NVRM: \0 \ud83d half a pair, 電源, \U0001f525 and 'quotes'"
    await triage.tell(replace(observed(), message=odd))

    async with database.reading() as connection:
        kept = await connection.scalar(select(triggers.c.message))

    assert kept == "NVRM: \ufffd ? half a pair, 電源, \U0001f525 and 'quotes'"


@pytest.mark.slow
async def test_five_thousand_are_one_batch(triage):
    batch = [observed(node=f"gpu-{number}") for number in range(5000)]

    assert await triage.tell(*batch) == 5000

    assert len(await triage.triggers.wrong_now("kubernetes")) == 5000


async def test_what_was_held_or_refused_is_shown_with_the_reason_the_newest_first(triage):
    await triage.tell(*(observed(node=f"gpu-{number}") for number in range(4)))
    held, refused, noted, _ = [(key,) for key in ids_of((await triage.look()).pending)]
    await triage.decide(
        RuleOn(held, TriggerState.HELD, "cool-down", at(60)),
        RuleOn(refused, TriggerState.REFUSED, "not covered"),
        RuleOn(noted, TriggerState.NOTED, "recovered"),
    )

    left_out = await triage.triggers.left_out()

    assert [(stored.trigger.node, stored.state, stored.reason, stored.hold_until) for stored in left_out] == [
        ("gpu-1", TriggerState.REFUSED, "not covered", None),
        ("gpu-0", TriggerState.HELD, "cool-down", at(60)),
    ]


async def test_of_what_was_left_out_no_more_than_asked_for_is_shown(triage):
    await triage.tell(observed(), observed(node="gpu-2"))
    await triage.decide(RuleOn(ids_of((await triage.look()).pending), TriggerState.REFUSED, "not covered"))

    assert [stored.trigger.node for stored in await triage.triggers.left_out(limit=1)] == ["gpu-2"]


async def test_what_belongs_to_an_incident_was_not_left_out(triage):
    await triage.open("inc-1", observed())

    assert await triage.triggers.left_out() == ()
