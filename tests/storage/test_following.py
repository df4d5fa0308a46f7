"""How far a source's log was followed is stored with the triggers it brought, or not at all."""

from __future__ import annotations

from tests.storage.deciding import observed

from gcm_sentinel.domain.trigger import Followed


async def test_nothing_was_followed_at_first(triage):
    assert await triage.triggers.followed_to("sentinel") is None


async def test_position_and_triggers_are_stored_together(triage):
    new = await triage.triggers.store_followed(Followed("sentinel", (observed(),), 7))

    assert (new, await triage.triggers.followed_to("sentinel")) == (1, 7)


async def test_a_log_that_tells_of_nothing_moves_on_too(triage):
    await triage.triggers.store_followed(Followed("sentinel", (), 7))
    await triage.triggers.store_followed(Followed("sentinel", (), 8))

    assert await triage.triggers.followed_to("sentinel") == 8


async def test_the_log_of_another_gateway_begins_anew(triage):
    await triage.triggers.store_followed(Followed("sentinel", (), 900))

    await triage.triggers.store_followed(Followed("sentinel", (), 3))

    assert await triage.triggers.followed_to("sentinel") == 3


async def test_the_same_again_changes_nothing(triage):
    found = Followed("sentinel", (observed(),), 7)
    await triage.triggers.store_followed(found)

    assert await triage.triggers.store_followed(found) == 0
