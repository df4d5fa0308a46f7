"""What counts as an incident, and how long it took, reckoned by hand."""

from __future__ import annotations

from tests.sentinel_reports.book import CONDEMNED, DAY, DEEP_TEST, FAIL, HEALTHY, PASS, QUARANTINED, SUSPECT, Book

from sentinel_gateway.ledger.reports.gather import gather
from sentinel_gateway.ledger.reports.incidents import Incidents

HOUR_S = 3600


def incidents(book: Book) -> Incidents:
    return gather(book.entries, DAY).incidents


def test_the_clock_starts_with_the_first_signal_of_the_episode():
    book = Book()
    first = book.probe("a", 1)
    book.anomaly("a", 2)
    book.change("a", 3, (HEALTHY, SUSPECT))
    book.change("a", 5, (SUSPECT, QUARANTINED))
    book.change("a", 6, (QUARANTINED, DEEP_TEST))
    book.change("a", 11, (DEEP_TEST, HEALTHY))

    found = incidents(book)
    assert (found.to_detect.median_s, found.to_contain.median_s) == (2 * HOUR_S, 4 * HOUR_S)
    assert (found.to_resolve.median_s, found.away.median_s) == (10 * HOUR_S, 8 * HOUR_S)
    assert found.listed[0].signal is not None
    assert found.listed[0].signal.entry_id == first


def test_a_probe_that_passed_or_could_not_run_is_no_signal():
    book = Book()
    for result in (PASS, 3, 4):
        book.probe("a", 1, result)
    book.change("a", 3, (HEALTHY, QUARANTINED))

    found = incidents(book)
    assert found.to_detect.n == 0
    assert found.without_signal.entries == 1


def test_a_signal_more_than_a_day_older_belongs_to_no_incident():
    book = Book()
    book.probe("a", -30)
    book.change("a", 3, (HEALTHY, SUSPECT))

    assert incidents(book).without_signal.entries == 1


def test_signals_chained_by_less_than_a_day_are_one_episode():
    book = Book()
    for hour in (-40, -20, 0):
        book.probe("a", hour)
    book.change("a", 2, (HEALTHY, SUSPECT))

    assert incidents(book).to_detect.median_s == 42 * HOUR_S


def test_a_signal_recorded_late_is_sorted_in_where_it_happened():
    book = Book()
    book.probe("a", 4)
    book.change("a", 5, (HEALTHY, SUSPECT))
    book.probe("a", 3)
    book.change("a", 9, (SUSPECT, HEALTHY))

    found = incidents(book)
    assert found.to_detect.median_s == 2 * HOUR_S
    assert found.to_resolve.median_s == 6 * HOUR_S


def test_a_late_signal_of_an_incident_that_is_over_starts_no_new_one():
    book = Book()
    book.probe("a", 4)
    book.change("a", 5, (HEALTHY, SUSPECT))
    book.change("a", 6, (SUSPECT, HEALTHY))
    book.probe("a", 5.5)
    book.change("a", 8, (HEALTHY, SUSPECT))

    found = incidents(book)
    assert found.without_signal.entries == 1
    assert found.repeats.entries == 1


def test_a_clock_slightly_ahead_counts_as_simultaneous():
    book = Book()
    book.probe("a", 5 + 60 / HOUR_S)
    book.change("a", 5, (HEALTHY, SUSPECT))

    assert incidents(book).to_detect.median_s == 0


def test_condemning_at_once_contains_and_resolves():
    book = Book()
    book.probe("a", 1)
    book.change("a", 2, (HEALTHY, CONDEMNED))

    found = incidents(book)
    assert (found.contained.entries, found.condemned.entries, found.open_at_end.entries) == (1, 1, 0)
    assert found.to_contain.median_s == found.to_resolve.median_s == HOUR_S


def test_each_time_counts_where_its_later_moment_lies():
    book = Book()
    book.probe("a", -2)
    book.change("a", -1, (HEALTHY, SUSPECT))
    book.change("a", 1, (SUSPECT, QUARANTINED))
    book.change("a", 25, (QUARANTINED, HEALTHY))

    found = incidents(book)
    assert (found.to_detect.n, found.to_contain.n, found.to_resolve.n) == (0, 1, 0)
    assert found.open_at_end.entries == 1


def test_an_incident_whose_beginning_was_pruned_has_no_times():
    book = Book(next_id=500)
    book.change("a", 1, (SUSPECT, QUARANTINED))
    book.change("a", 2, (QUARANTINED, HEALTHY))

    found = incidents(book)
    assert found.before_ledger.entries == 1
    assert (found.to_resolve.n, found.away.n, found.detected.entries) == (0, 0, 0)


def test_the_median_of_an_even_number_lies_between():
    book = Book()
    for letter, hours in (("a", 1), ("b", 2), ("c", 4), ("d", 9)):
        book.probe(letter, 1, FAIL)
        book.change(letter, 1 + hours, (HEALTHY, SUSPECT))

    spread = incidents(book).to_detect
    assert (spread.n, spread.median_s, spread.mean_s) == (4, 3 * HOUR_S, 4 * HOUR_S)
    assert (spread.least_s, spread.most_s) == (1 * HOUR_S, 9 * HOUR_S)


def test_a_dissent_is_a_signal_for_the_gpu_that_dissents_only():
    book = Book()
    book.vote(1, {"a": b"x", "b": b"y", "c": b"x"})
    for letter in "abc":
        book.change(letter, 2, (HEALTHY, SUSPECT))

    found = incidents(book)
    assert found.to_detect.n == 1
    assert found.without_signal.entries == 2


def test_one_gpu_does_not_answer_for_another():
    book = Book()
    book.probe("a", 1)
    book.change("b", 2, (HEALTHY, SUSPECT))

    assert incidents(book).to_detect.n == 0
