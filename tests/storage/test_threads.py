"""Where a sink goes on with an incident, and what it has still to say when that is over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.storage.given import Closing, Given, at

from gcm_sentinel.domain.threads import Thread
from gcm_sentinel.storage.threads import Threads

THREAD = Thread("inc-1", "1795.0001", "C1", 1, {"a": "waiting"})


@pytest.fixture
def threads(database) -> Threads:
    return Threads(database)


async def test_a_thread_comes_back_equal_for_its_sink(threads):
    await threads.put("slack", THREAD)

    assert await threads.get("slack", "inc-1") == THREAD
    assert await threads.get("pagerduty", "inc-1") is None


async def test_the_newest_takes_the_place_of_what_was_known(threads):
    await threads.put("slack", THREAD)
    await threads.put("slack", replace(THREAD, mark="1795.0002", revision=2, told={}))

    found = await threads.get("slack", "inc-1")
    assert (found.mark, found.revision, found.told) == ("1795.0002", 2, {})


async def test_what_is_over_is_said_once_whatever_is_told_afterwards(threads, database):
    await Given(database).incident(closed=Closing(at(5)))
    await threads.put("slack", THREAD)

    (over,) = await threads.over("slack")
    assert (over.thread, over.reason) == (THREAD, "recovered")

    await threads.closed("slack", "inc-1")
    await threads.put("slack", THREAD)
    assert await threads.over("slack") == ()
    assert (await threads.get("slack", "inc-1")).closed


async def test_what_was_opened_again_ends_again(threads, database):
    await Given(database).incident(closed=Closing(at(5)))
    await threads.put("slack", THREAD)
    await threads.closed("slack", "inc-1")

    await threads.put("slack", replace(THREAD, revision=2))

    assert [over.thread.revision for over in await threads.over("slack")] == [2]


async def test_an_incident_that_goes_on_is_not_over(threads, database):
    await Given(database).incident()
    await threads.put("slack", THREAD)

    assert await threads.over("slack") == ()
