"""Costs come from the operator's table; what it does not know is unknown, never free."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, Usage
from gcm_sentinel.llm.prices import PriceTable

USAGE = Usage(input_tokens=1_000_000, cached_tokens=600_000, output_tokens=100_000, cache_write_tokens=300_000)


def turn(model="claude-sonnet-5-5-20260901", usage=USAGE, engine="anthropic"):
    return ModelTurn("", (), StopReason.END, usage, engine, model)


def test_each_kind_of_token_has_its_price():
    table = PriceTable({"claude-sonnet-*": {"input": 3.0, "cached_input": 0.3, "cache_write": 3.75, "output": 15.0}})

    cost = table.cost(turn())

    assert cost == pytest.approx(0.1 * 3.0 + 0.6 * 0.3 + 0.3 * 3.75 + 0.1 * 15.0)


def test_without_cache_prices_every_prompt_token_costs_the_full_price():
    table = PriceTable({"claude-*": {"input": 3.0, "output": 15.0}})

    assert table.cost(turn()) == pytest.approx(3.0 + 1.5)


@pytest.mark.parametrize(
    ("model", "expected"),
    [("m-large-2", 7.0), ("m-large-1", 5.0), ("m-small", 2.0), ("other", None)],
    ids=["exact", "longest-glob", "glob", "unknown"],
)
def test_an_exact_name_wins_then_the_longest_pattern(model, expected):
    prices = {"m-*": 2.0, "m-large-*": 5.0, "m-large-2": 7.0}
    table = PriceTable({name: {"input": value, "output": 0.0} for name, value in prices.items()})

    assert table.cost(turn(model, Usage(input_tokens=1_000_000))) == expected


def test_a_server_that_reports_no_usage_costs_an_unknown_amount():
    table = PriceTable({"*": {"input": 1.0, "output": 1.0}})

    assert table.cost(turn(usage=Usage())) is None


@pytest.mark.parametrize("engine", ["playbook", "replay", "scripted"])
def test_engines_that_call_nobody_cost_nothing(engine):
    assert PriceTable().cost(turn(engine=engine)) == 0.0


def test_no_price_is_shipped():
    assert PriceTable().cost(turn()) is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"input": 1.0}, "'output' is missing"),
        ({"input": 1.0, "output": -1.0}, "output is -1.0"),
        ({"input": float("nan"), "output": 1.0}, "input is nan"),
        ({"input": 1.0, "output": 1.0, "outptu": 1.0}, "unknown outptu; known are input"),
    ],
    ids=["missing", "negative", "nan", "misspelt"],
)
def test_an_impossible_price_names_its_model(values, says):
    with pytest.raises(BadConfiguration, match=f"prices of 'm'.*{says}"):
        PriceTable({"m": values})
