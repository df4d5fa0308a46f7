"""Cases worked out on paper: what an operator must be able to rely on at 3 a.m."""

from typing import Any

import pytest

from sentinel_fleet.prom.budget import Budget
from sentinel_fleet.prom.evaluate import Steps, evaluate_instant, evaluate_range
from sentinel_fleet.prom.parsing import parse_query
from sentinel_fleet.prom.storage import Storage

T = 1_700_000_000.0


def value(source: Any, query: str, at: float, now: float | None = None) -> float | None:
    """The value of a query that has one series, None when it has none."""
    storage = Storage(source, Budget(), now_ms=round((now or at) * 1000))
    series = evaluate_instant(parse_query(query), storage, round(at * 1000)).series
    assert len(series) <= 1
    return series[0][1][0][1] if series else None


@pytest.fixture
def counter(make_source: Any) -> Any:
    """Scraped at 10, 40, 70 and 100 s after T; a reset to 2 at the last scrape."""
    samples = [(T + 10, 4.0), (T + 40, 5.0), (T + 70, 8.0), (T + 100, 2.0)]
    return make_source(({"__name__": "errors_total"}, samples))


def test_rate_extrapolates_to_both_borders(counter: Any) -> None:
    # Window (0, 70]: 4 -> 8 over 60 s; the zero point of the counter lies 60 s back, so the start is extrapolated by
    # its own 10 s and the end by none: 4 * 70/60 over 70 s.
    assert value(counter, "rate(errors_total[70s])", T + 70) == pytest.approx(4 / 60)


def test_increase_adds_back_a_reset(counter: Any) -> None:
    # 4 -> 8 is 4, then the counter restarted and reached 2: 6 in 90 s, extrapolated to (5, 105]: 100/90.
    assert value(counter, "increase(errors_total[100s])", T + 105) == pytest.approx(6 * 100 / 90)


def test_a_counter_is_not_extrapolated_below_zero(make_source: Any) -> None:
    source = make_source(({"__name__": "c_total"}, [(T + 30, 0.0), (T + 60, 6.0)]))

    # The first sample is zero already, so the 30 s before it add nothing.
    assert value(source, "increase(c_total[60s])", T + 60) == pytest.approx(6.0)


def test_the_left_border_of_a_window_is_open(counter: Any) -> None:
    assert value(counter, "count_over_time(errors_total[60s])", T + 70) == 2


def test_one_sample_has_no_rate(counter: Any) -> None:
    assert value(counter, "rate(errors_total[30s])", T + 70) is None


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [(0, 7.0), (29, 7.0), (34, 7.0), (36, None), (200, None)],
    ids=["at the scrape", "before the next", "the next is late", "a scrape was missed", "within look-back"],
)
def test_a_series_ends_with_its_first_missed_scrape(make_source: Any, after_s: float, expected: float | None) -> None:
    source = make_source(({"__name__": "g"}, [(T - 30, 6.0), (T, 7.0)]))

    assert value(source, "g", T + after_s) == expected


def test_a_gap_is_absent_and_not_zero(make_source: Any) -> None:
    source = make_source(({"__name__": "g"}, [(T, 7.0), (T + 150, 8.0)]))

    steps = Steps(round(T * 1000), round((T + 180) * 1000), 30_000)
    storage = Storage(source, Budget(), now_ms=round((T + 200) * 1000))

    [(_, points)] = evaluate_range(parse_query("g"), storage, steps).series
    assert points == [(round(T * 1000), 7.0), (round(T + 30) * 1000, 7.0)] + [
        (round((T + later) * 1000), 8.0) for later in (150, 180)
    ]


def test_the_future_does_not_show(make_source: Any) -> None:
    source = make_source(({"__name__": "g"}, [(T, 7.0), (T + 30, 8.0)]))

    assert value(source, "g", T + 30, now=T + 10) == 7.0
    assert value(source, "max_over_time(g[5m])", T + 60, now=T + 10) == 7.0


def test_a_query_over_too_many_samples_is_refused(make_source: Any) -> None:
    source = make_source(({"__name__": "g"}, [(T + k, 1.0) for k in range(20)]))
    storage = Storage(source, Budget(max_samples=10), now_ms=round((T + 30) * 1000))

    with pytest.raises(Exception, match="too many samples"):
        evaluate_instant(parse_query("sum_over_time(g[1m])"), storage, round((T + 20) * 1000))


def test_a_cancelled_query_stops(make_source: Any) -> None:
    budget = Budget()
    budget.cancel()

    with pytest.raises(Exception, match="canceled"):
        evaluate_instant(parse_query("g"), Storage(make_source(({"__name__": "g"}, [(T, 1.0)])), budget, 2**53), 0)
