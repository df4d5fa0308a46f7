"""Failures in a row on one SM, in order of the results' own times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sentinel_gateway.domain.rates import Minute, minute_of, with_more, within
from sentinel_gateway.domain.trails import MAX_LENGTH, extended, longest_row, mark

FMA, AES = 1, 4
HOUR_S, MINUTE_NS = 3600, 60_000_000_000


def trail(*results: tuple[int, int, bool]) -> tuple[int, ...]:
    """The trail of SM 0 after results, each a time in us, a probe type and whether it failed."""
    marks = ((0, mark(time_us * 1000, probe_type, failed=failed)) for time_us, probe_type, failed in results)
    return extended({}, marks).get(0, ())


def test_an_sm_that_never_failed_has_no_trail():
    assert trail((1, FMA, False), (2, AES, False)) == ()


def test_late_results_are_put_in_their_place():
    assert longest_row(trail((1, FMA, True), (9, FMA, True), (5, FMA, True))) == (3, FMA)
    assert longest_row(trail((1, FMA, True), (9, FMA, True), (5, FMA, False))) == (1, FMA)


def test_another_probe_that_passes_does_not_end_a_row_of_one_type():
    assert longest_row(trail((1, FMA, True), (2, AES, False), (3, FMA, True))) == (2, FMA)


def test_failures_of_different_probes_are_a_row_of_the_sm():
    assert longest_row(trail((1, FMA, True), (2, AES, True))) == (2, AES)


def test_a_trail_ends_when_an_sm_passed_for_long():
    passes = [(number, FMA, False) for number in range(2, 2 + MAX_LENGTH)]

    assert trail((1, FMA, True), *passes[:-1]) != ()
    assert trail((1, FMA, True), *passes) == ()


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=30), st.randoms())
def test_after_a_first_failure_the_order_of_arrival_does_not_matter(results, order):
    rest = [(10 + time_us, FMA, failed) for time_us, failed in results]
    shuffled = list(rest)
    order.shuffle(shuffled)

    assert trail((1, FMA, True), *shuffled) == trail((1, FMA, True), *rest)


@given(st.lists(st.integers(0, 200 * MINUTE_NS)), st.integers(100, 200))
def test_rates_count_what_happened_in_the_last_hour_of_minutes(times_ns: list[int], now_minute: int):
    now_ns = now_minute * MINUTE_NS
    counted = with_more((), [Minute(minute_of(time_ns), failures=1) for time_ns in times_ns], now_ns, HOUR_S)

    expected = sum(now_minute - 60 < minute_of(time_ns) for time_ns in times_ns)
    assert within(counted, now_ns, HOUR_S).failures == expected
