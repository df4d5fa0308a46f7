"""How often something happened lately."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sentinel_gateway.domain.rates import Minute, minute_of, with_more, within

HOUR_S, MINUTE_NS = 3600, 60_000_000_000


@given(st.lists(st.integers(0, 200 * MINUTE_NS)), st.integers(100, 200))
def test_rates_count_what_happened_in_the_last_hour_of_minutes(times_ns: list[int], now_minute: int):
    now_ns = now_minute * MINUTE_NS
    counted = with_more((), [Minute(minute_of(time_ns), failures=1) for time_ns in times_ns], now_ns, HOUR_S)

    expected = sum(now_minute - 60 < minute_of(time_ns) for time_ns in times_ns)
    assert within(counted, now_ns, HOUR_S).failures == expected
