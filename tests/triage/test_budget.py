"""Which engine may answer, by what was spent in the last hour and day."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gcm_sentinel.domain.incident_record import Urgency
from gcm_sentinel.triage.budget import Pools, choose_engine


@dataclass(frozen=True)
class Spent:
    """What was spent."""

    tokens: int = 0
    usd: float = 0.0


NOTHING = Spent()


def test_no_limit_is_no_limit():
    assert Pools().unlimited
    assert choose_engine(Spent(10**12, 1e9), Spent(10**12, 1e9), Pools(), Urgency.INFO).llm


@pytest.mark.parametrize("urgency", list(Urgency))
def test_with_room_the_llm_answers_everything(urgency):
    ruling = choose_engine(Spent(usd=7.49), NOTHING, Pools(usd_per_hour=10), urgency)

    assert (ruling.llm, ruling.reason) == (True, "")


@pytest.mark.parametrize(("urgency", "llm"), [(urgency, urgency is Urgency.CRITICAL) for urgency in Urgency])
def test_the_reserve_is_for_critical_incidents(urgency, llm):
    ruling = choose_engine(Spent(usd=7.5), NOTHING, Pools(usd_per_hour=10), urgency)

    assert ruling.llm is llm


def test_the_reserve_is_named_with_its_setting():
    ruling = choose_engine(Spent(usd=8), NOTHING, Pools(usd_per_hour=10), Urgency.WARNING)

    assert "8.00 of 10.00 USD, the last 25% in reserve" in ruling.reason
    assert "GCM_SENTINEL_BUDGET_CRITICAL_RESERVE" in ruling.reason


@pytest.mark.parametrize(
    ("hour", "day", "pools", "reason"),
    [
        (Spent(usd=10), NOTHING, Pools(usd_per_hour=10), "hourly budget is used up: 10.00 of 10.00 USD"),
        (NOTHING, Spent(usd=51.5), Pools(usd_per_day=50), "daily budget is used up: 51.50 of 50.00 USD"),
        (Spent(tokens=900), NOTHING, Pools(tokens_per_hour=900), "hourly budget is used up: 900 of 900 tokens"),
        (NOTHING, Spent(tokens=9), Pools(tokens_per_day=8), "daily budget is used up: 9 of 8 tokens"),
    ],
    ids=["usd-hour", "usd-day", "tokens-hour", "tokens-day"],
)
def test_a_dry_budget_is_named_with_figures_and_setting(hour, day, pools, reason):
    ruling = choose_engine(hour, day, pools, Urgency.CRITICAL)

    unit, span = ("USD" if "USD" in reason else "TOKENS"), ("HOUR" if "hourly" in reason else "DAY")
    assert ruling.reason == f"the {reason} (GCM_SENTINEL_BUDGET_{unit}_PER_{span})"
    assert not ruling.llm


def test_a_budget_may_be_for_critical_incidents_alone():
    pools = Pools(usd_per_hour=10, critical_reserve=1.0)

    assert not choose_engine(NOTHING, NOTHING, pools, Urgency.WARNING).llm
    assert choose_engine(NOTHING, NOTHING, pools, Urgency.CRITICAL).llm
