"""What each kind of check calls healthy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from gcm_sentinel.app.health_checks import answers, ends, event_loop, heard, holds, turns, watching
from gcm_sentinel.domain.errors import Unreachable

MINUTE = timedelta(minutes=1)


@dataclass
class Loop:
    """A stage as `serve` runs them."""

    name: str = "triage"
    problem: str | None = None
    failures: int = 0
    worked_at_s: float | None = None


@dataclass
class Storing:
    """The intake, as `serve` runs it."""

    busy_since_s: float | None
    name: str = "intake"


async def test_a_loop_that_came_round_lately_is_alive(clock):
    loop = Loop(worked_at_s=clock.monotonic())
    check = turns(loop, clock, within=MINUTE)
    clock.pass_by(59)

    found = await check.look()

    assert (found.ok, found.age) == (True, timedelta(seconds=59))


async def test_a_loop_that_stands_still_is_dead(clock):
    check = turns(Loop(worked_at_s=clock.monotonic()), clock, within=MINUTE)
    clock.pass_by(61)

    found = await check.look()

    assert not found.ok
    assert found.words == "has not come round within 60 s"


async def test_an_attempt_that_does_not_end_is_dead(clock):
    storing = Storing(busy_since_s=clock.monotonic())
    check = ends(storing, clock, within=MINUTE)

    assert (await check.look()).ok
    clock.pass_by(61)
    assert not (await check.look()).ok


async def test_between_attempts_it_may_be_quiet_for_days(clock):
    check = ends(Storing(busy_since_s=None), clock, within=MINUTE)
    clock.pass_by(200_000)

    assert (await check.look()).words == "idle"


async def test_a_loop_that_never_came_round_is_given_its_time(clock):
    check = turns(Loop(), clock, within=MINUTE)

    assert (await check.look()).ok
    clock.pass_by(61)
    assert not (await check.look()).ok


async def test_a_loop_that_tries_in_vain_is_alive_because_a_restart_would_not_help(clock):
    loop = Loop(worked_at_s=clock.monotonic())
    check = turns(loop, clock, within=MINUTE)
    clock.pass_by(600)
    loop.problem, loop.failures = "the database is away", 7

    found = await check.look()

    assert (found.ok, found.words) == (True, "tries again: the database is away")


async def test_a_loop_that_stopped_trying_is_dead(clock):
    loop = Loop(problem="the database is away", failures=7)
    check = turns(loop, clock, within=MINUTE)
    await check.look()
    clock.pass_by(61)

    assert not (await check.look()).ok


@pytest.mark.parametrize(("silent_s", "ok"), [(299, True), (301, False)])
async def test_a_watch_is_alive_while_something_was_heard_lately(clock, silent_s, ok):
    heard_at_s = clock.monotonic()
    check = heard("watch", lambda: heard_at_s, clock, within=timedelta(minutes=5))
    clock.pass_by(silent_s)

    assert (await check.look()).ok is ok


async def test_a_watch_that_never_heard_anything_fails_after_the_same_time(clock):
    check = heard("watch", lambda: None, clock, within=timedelta(minutes=5))

    assert (await check.look()).words == "not heard yet"
    clock.pass_by(301)
    assert not (await check.look()).ok


@dataclass
class Watch:
    """A watcher as `serve` runs them."""

    synced: bool = True
    last_event_at: datetime | None = None
    problem: str | None = None
    is_stalled: bool = False

    def stalled(self, now_s):
        return self.is_stalled


async def test_a_stalled_watch_is_not_alive(clock):
    alive, _ = watching("nodes", Watch(is_stalled=True), clock)

    assert alive.for_live
    assert not (await alive.look()).ok


async def test_a_watch_that_is_forbidden_is_alive_and_not_ready_and_says_why(clock):
    alive, synced = watching("nodes", Watch(synced=False, problem="grant get, list and watch on nodes"), clock)

    assert (await alive.look()).ok
    found = await synced.look()
    assert (found.ok, found.words) == (False, "grant get, list and watch on nodes")


async def test_a_watch_says_how_long_ago_it_heard_something(clock):
    _, synced = watching("nodes", Watch(last_event_at=clock.now()), clock)
    clock.pass_by(42)

    assert (await synced.look()).age == timedelta(seconds=42)


async def test_what_answers_is_ready_and_its_error_passes():
    async def good():
        return None

    async def bad():
        raise Unreachable("away")

    assert (await answers("database", good).look()).ok
    with pytest.raises(Unreachable):
        await answers("database", bad).look()


async def test_a_flag_speaks_in_its_own_words():
    state = {"draining": False}
    check = holds("draining", lambda: not state["draining"], yes="takes work", no="draining")

    before = await check.look()
    state["draining"] = True
    after = await check.look()

    assert (before.ok, before.words) == (True, "takes work")
    assert (after.ok, after.words) == (False, "draining")


async def test_an_event_loop_that_answers_is_alive(clock):
    assert (await event_loop(clock).look()).ok
