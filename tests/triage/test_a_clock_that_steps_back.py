"""A clock that steps back wedges nothing: what was written in the future is neither waited for nor held."""

from __future__ import annotations

import pytest
from tests.triage.shelf import T0, Shelf, problem, recovery, seconds

from gcm_sentinel.domain.incident_record import InvestigationState, TriggerState
from gcm_sentinel.triage.moments import end_of, is_over, is_within

DAY = 86_400.0


@pytest.mark.parametrize(
    ("since_s", "ends_s"),
    [(-10, -5), (-1, 4), (0, 5), (3, 8), (5, 10), (6, 0), (DAY, 0)],
    ids=["long-over", "running", "now", "a-little-ahead", "as-far-as-it-lasts", "too-far-ahead", "a-day-ahead"],
)
def test_a_wait_ends(since_s, ends_s):
    assert end_of(T0 + seconds(since_s), seconds(5), T0) == T0 + seconds(ends_s)
    assert is_over(T0 + seconds(since_s), seconds(5), T0) is (ends_s <= 0)


def test_a_moment_ahead_is_not_long_ago():
    assert is_within(T0 + seconds(DAY), seconds(5), T0)
    assert not is_within(T0 - seconds(6), seconds(5), T0)


def test_what_was_stored_tomorrow_is_decided_on_today():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), at=DAY)

    assert shelf.next_due(0) == 0
    shelf.decide(0)

    assert len(shelf.standing) == 1


def test_a_stamp_of_tomorrow_holds_nothing():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), recovery("gpu-2"), at=DAY)
    shelf.decide(DAY + 2)
    shelf.incidents.clear()
    (again,) = shelf.store(problem("gpu-1", at=9), at=9)

    shelf.decide(11)

    assert shelf.triggers[again].state is TriggerState.FOLDED


def test_a_recovery_that_began_tomorrow_ends_today():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), at=DAY)
    shelf.decide(DAY + 2)
    shelf.store(recovery("gpu-1"), at=DAY + 3)
    shelf.decide(DAY + 3)

    shelf.decide(0)

    assert shelf.standing == []


def test_a_failure_of_tomorrow_is_tried_again_today():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), at=DAY)
    shelf.decide(DAY + 2)
    shelf.investigated(InvestigationState.FAILED, failures=1)

    shelf.decide(0)

    assert shelf.standing[0].revision == 2
