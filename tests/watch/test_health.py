"""What probes learn of a watch: that the source is in trouble, and whether the watch itself is still alive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.domain.errors import Forbidden, Unauthenticated, Unreachable
from gcm_sentinel.watch.health import WatchHealth

MINUTE_S = 60.0


class HandClock:
    """Both clocks are moved by hand, each for itself."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 11, 20, tzinfo=UTC)
        self.elapsed_s = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed_s


@pytest.fixture
def hands():
    return HandClock()


@pytest.fixture
def health(hands):
    made = WatchHealth(hands, server="https://api", remedy="grant it")
    made.begun()
    return made


def stalled_after(health, hands, minutes):
    return health.stalled(hands.elapsed_s + minutes * MINUTE_S)


def test_a_watch_that_hears_nothing_for_six_minutes_has_stalled(health, hands):
    assert [stalled_after(health, hands, minutes) for minutes in (1, 5.9, 6.1)] == [False, False, True]


def test_the_limit_is_the_callers_to_choose(health, hands):
    assert health.stalled(hands.elapsed_s + 11, timedelta(seconds=10))


@pytest.mark.parametrize("sign", ["heard", "attempt_failed"])
def test_hearing_and_trying_are_signs_of_life(health, hands, sign):
    hands.elapsed_s += 5 * MINUTE_S
    getattr(health, sign)()

    assert not stalled_after(health, hands, 5)


@pytest.mark.parametrize("step", [timedelta(hours=9), timedelta(hours=-9)], ids=["forward", "back"])
def test_a_step_of_the_wall_clock_stalls_nothing(health, hands, step):
    hands.wall += step

    assert not stalled_after(health, hands, 1)
    assert stalled_after(health, hands, 7)


def test_a_watch_that_was_not_begun_has_not_stalled(hands):
    health = WatchHealth(hands, server="https://api", remedy="grant it")

    assert not stalled_after(health, hands, 60)


def test_the_time_a_consumer_takes_does_not_count(health, hands):
    with health.handing_over():
        hands.elapsed_s += 60 * MINUTE_S
        during = stalled_after(health, hands, 0)

    assert (during, stalled_after(health, hands, 5), stalled_after(health, hands, 7)) == (False, False, True)


def test_a_problem_is_known_until_something_is_heard(health):
    health.failed(Unreachable("no answer"))
    during = health.problem
    health.heard()

    assert (during, health.problem, health.failures) == ("no answer", None, 0)


def test_forbidden_says_what_to_grant(health):
    health.failed(Forbidden("nodes is forbidden"))

    assert health.problem == "nodes is forbidden; grant it"


def test_knows_for_how_long_every_attempt_has_failed(health, hands):
    health.failed(Unreachable("no answer"))
    hands.elapsed_s += 90
    health.failed(Unreachable("no answer"))
    while_failing = health.failing_for
    health.heard()

    assert (while_failing, health.failing_for) == (timedelta(seconds=90), timedelta(0))


def test_who_is_not_known_is_told_something_else_than_who_may_not(hands):
    health = WatchHealth(hands, server="https://api", remedy="grant it", introduction="show a token")
    told = []
    for error in (Forbidden("no"), Unauthenticated("who?")):
        health.failed(error)
        told.append(health.problem)

    assert told == ["no; grant it", "who?; show a token"]
