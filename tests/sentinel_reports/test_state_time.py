"""How long a GPU stood in which state, reckoned by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sentinel_reports.book import (
    CONDEMNED,
    DAY,
    DEEP_TEST,
    FAIL,
    HEALTHY,
    PASS,
    QUARANTINED,
    SUSPECT,
    Book,
    at,
)

from sentinel_gateway.ledger.reports.fleet import GpuFacts
from sentinel_gateway.ledger.reports.gather import gather
from sentinel_gateway.ledger.reports.window import NS_PER_HOUR


def hours(gpu: GpuFacts) -> dict[int, float]:
    """Hours by state, those that are not zero; 0 is unknown time."""
    return {state: ns / NS_PER_HOUR for state, ns in enumerate(gpu.times.ns_in) if ns}


def only(book: Book) -> GpuFacts:
    (gpu,) = gather(book.entries, DAY).fleet.gpus
    return gpu


def test_a_gpu_without_a_change_is_healthy_from_its_first_entry_to_the_newest_of_the_ledger():
    book = Book()
    book.probe("a", 6, PASS)
    book.tick(18)

    assert hours(only(book)) == {HEALTHY: 12, 0: 12}


def test_states_that_reach_over_the_edges_count_only_inside():
    book = Book()
    book.probe("a", -10, PASS)
    book.change("a", -4, (HEALTHY, SUSPECT))
    book.change("a", 3, (SUSPECT, QUARANTINED))
    book.change("a", 20, (QUARANTINED, DEEP_TEST))
    book.change("a", 30, (DEEP_TEST, HEALTHY))

    assert hours(only(book)) == {SUSPECT: 3, QUARANTINED: 17, DEEP_TEST: 4}


def test_a_change_exactly_at_the_end_belongs_to_the_next_window():
    book = Book()
    book.probe("a", 0, PASS)
    book.change("a", 24, (HEALTHY, SUSPECT))

    gpu = only(book)
    assert hours(gpu) == {HEALTHY: 24}
    assert gpu.times.changes_in_window == 0


def test_a_gpu_condemned_midway_stays_condemned():
    book = Book()
    book.probe("a", -1, PASS)
    book.change("a", 6, (HEALTHY, CONDEMNED))
    book.tick(40)

    gpu = only(book)
    assert hours(gpu) == {HEALTHY: 6, CONDEMNED: 18}
    assert (gpu.times.final_state, gpu.times.since_ns) == (CONDEMNED, at(6))


def test_a_directive_that_waits_or_is_denied_changes_nothing():
    book = Book()
    book.probe("a", 0, PASS)
    book.change("a", 4, (HEALTHY, HEALTHY), "directive.waiting", directive_id="1", action=3)
    book.change("a", 5, (HEALTHY, HEALTHY), "directive.denied", directive_id="1", action=3)
    book.tick(24)

    gpu = only(book)
    assert hours(gpu) == {HEALTHY: 24}
    assert gpu.changes.entries == 0


def test_a_clock_that_goes_back_makes_no_negative_time():
    book = Book()
    book.probe("a", 0, PASS)
    book.change("a", 10, (HEALTHY, SUSPECT))
    book.change("a", 8, (SUSPECT, QUARANTINED))
    book.change("a", 12, (QUARANTINED, HEALTHY))
    book.tick(24)

    gpu = only(book)
    assert hours(gpu) == {HEALTHY: 22, QUARANTINED: 2}
    assert gpu.times.out_of_order == 1


def test_a_change_that_does_not_follow_from_the_one_before_is_counted():
    book = Book()
    book.change("a", 2, (HEALTHY, SUSPECT))
    book.change("a", 4, (QUARANTINED, HEALTHY))
    book.tick(24)

    gpu = only(book)
    assert hours(gpu) == {0: 2, SUSPECT: 2, HEALTHY: 20}
    assert gpu.times.discontinuities == 1


def test_in_a_pruned_ledger_the_first_kept_change_tells_the_state_before_it():
    book = Book(next_id=1001)
    book.probe("a", 2, FAIL)
    book.change("a", 6, (QUARANTINED, HEALTHY))
    book.tick(24)

    assert hours(only(book)) == {0: 2, QUARANTINED: 4, HEALTHY: 18}


def test_in_a_pruned_ledger_a_gpu_without_a_kept_change_is_unknown():
    book = Book(next_id=1001)
    book.probe("a", -2, PASS)
    book.tick(24)

    gpu = only(book)
    assert hours(gpu) == {0: 24}
    assert gpu.times.final_state == 0


def test_an_unchanged_directive_tells_the_state_in_a_pruned_ledger():
    book = Book(next_id=1001)
    book.change("a", 6, (SUSPECT, SUSPECT), "directive.waiting", directive_id="1")
    book.tick(24)

    assert hours(only(book)) == {0: 6, SUSPECT: 18}


def test_nothing_is_known_after_the_newest_entry():
    book = Book()
    book.probe("a", -2, PASS)

    assert hours(only(book)) == {0: 24}


def test_an_expected_gpu_without_an_entry_is_listed_as_unknown():
    fleet = gather([], DAY, ["GPU-x"]).fleet

    assert [(gpu.gpu.uuid, hours(gpu)) for gpu in fleet.gpus] == [("GPU-x", {0: 24})]


def test_a_gpu_whose_first_entry_lies_after_the_window_is_not_of_it():
    book = Book()
    book.probe("a", 25, PASS)

    fleet = gather(book.entries, DAY).fleet
    assert (fleet.gpus, fleet.seen_later) == ((), 1)


STATES = st.integers(min_value=0, max_value=9)
STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(-30, 54), STATES, STATES), max_size=12)


@settings(deadline=None)
@given(steps=STEPS)
def test_the_states_of_each_gpu_always_fill_the_window_exactly(steps):
    book = Book()
    for letter, hour, from_state, to_state in steps:
        book.change(letter, hour, (from_state, to_state))

    for gpu in gather(book.entries, DAY).fleet.gpus:
        assert sum(gpu.times.ns_in) == DAY.length_ns
        assert min(gpu.times.ns_in) >= 0


@settings(deadline=None)
@given(steps=STEPS, order=st.permutations(range(3)))
def test_how_independent_gpus_are_interleaved_does_not_matter(steps, order):
    plain, shuffled = Book(), Book()
    plain.tick(60)
    shuffled.tick(60)
    for letter, hour, from_state, to_state in steps:
        plain.change(letter, hour, (from_state, to_state))
    for index in order:
        for letter, hour, from_state, to_state in (step for step in steps if step[0] == "abc"[index]):
            shuffled.change(letter, hour, (from_state, to_state))

    first, second = gather(plain.entries, DAY), gather(shuffled.entries, DAY)
    assert [gpu.times for gpu in first.fleet.gpus] == [gpu.times for gpu in second.fleet.gpus]
    assert first.incidents.to_resolve.median_s == second.incidents.to_resolve.median_s


@pytest.mark.parametrize("split", [1, 7, 23])
def test_two_adjoining_windows_add_up_to_the_whole(split):
    book = Book()
    book.probe("a", -3, PASS)
    for hour, states in ((2, (HEALTHY, SUSPECT)), (9, (SUSPECT, HEALTHY)), (20, (HEALTHY, CONDEMNED))):
        book.change("a", hour, states)
    book.tick(30)
    first, second = type(DAY)(at(0), at(split)), type(DAY)(at(split), at(24))

    parts = [gather(book.entries, window).fleet.gpus[0].times.ns_in for window in (first, second)]
    assert [left + right for left, right in zip(*parts, strict=True)] == list(only(book).times.ns_in)
