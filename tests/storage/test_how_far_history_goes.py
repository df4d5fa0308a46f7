"""History says since when anything is kept, so that nothing found is told from nothing known."""

from __future__ import annotations

from tests.storage.given import Closing, Given, at, trigger

from gcm_sentinel.storage.history import StoredHistory


async def test_nothing_is_kept_at_first(database):
    assert await StoredHistory(database).kept_since() is None


async def test_it_goes_back_to_the_first_incident_whatever_became_of_it(database):
    given = Given(database)
    await given.incident("inc-open", [trigger(minute=5)])
    await given.incident("inc-closed", [trigger(minute=-600)], closed=Closing(at(-500)))
    await given.incident("inc-merged", [trigger(minute=-900)], closed=Closing(at(1), merged_into="inc-open"))

    assert await StoredHistory(database).kept_since() == at(-900)


async def test_triggers_of_no_incident_do_not_count(database):
    await Given(database).triggers([trigger()], incident_id=None, state="refused")

    assert await StoredHistory(database).kept_since() is None
