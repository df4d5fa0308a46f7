"""What a run may spend is held to before anything is begun, in tokens and in money."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcm_sentinel.app import evaluate
from gcm_sentinel.app.eval_case import Manner
from gcm_sentinel.app.eval_how import how
from gcm_sentinel.app.eval_plan import Ceilings, EvalPlan, Keeping, Suite, cases, check
from gcm_sentinel.app.eval_purse import Purse
from gcm_sentinel.app.models import price_of
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, Usage

LLM = {"llm_api": "openai", "model": "some-model", "llm_base_url": "http://user:word@127.0.0.1:9/v1?key=secret"}


@pytest.fixture
def plan():
    return EvalPlan(Suite(only=("off-bus-riser",), seeds=2, variants=False), "openai", load(LLM))


@pytest.fixture(scope="module")
def scenarios():
    return find_scenarios(SCENARIOS, ("off-bus-riser",))


def test_a_case_is_played_with_its_own_budget_and_by_no_other_engine(plan, scenarios):
    ceilings = Ceilings(case_tokens=1000, case_usd=0.5)

    (first, second) = cases(replace(plan, ceilings=ceilings), scenarios)

    settings = load({**LLM, **dict(first.settings)})
    assert (settings.limits.tokens, settings.limits.cost_usd, settings.llm_fallback) == (1000, 0.5, ())
    assert (first.seed, second.seed) == (1, 2)


def test_the_playbook_engine_needs_no_ceiling(plan, scenarios):
    assert cases(replace(plan, engine="playbook"), scenarios)[0].settings == ()


def test_each_source_is_dropped_once_after_the_whole(plan, scenarios):
    found = cases(replace(plan, suite=replace(plan.suite, drop_each=True, without=("dcgm",))), scenarios)

    without = [case[3] for case in dict.fromkeys(map(evaluate.key_of, found)) if case[2] == 1]
    assert without[0] == ("dcgm",)
    assert ("dcgm", "kernel_log") in without
    assert len(without) == len(set(without)) == 14


def test_a_source_that_is_off_already_is_not_dropped_again(plan, scenarios):
    settings = load({**LLM, "disabled_sources": ("dcgm",)})

    found = cases(replace(plan, settings=settings, suite=replace(plan.suite, drop_each=True)), scenarios)

    evaluate.check(found)
    assert len(dict.fromkeys(evaluate.key_of(case)[3] for case in found)) == 14


@pytest.mark.parametrize(
    ("spent", "reached"),
    [
        ([(400, 0.1)], ""),
        ([(400, 0.1), (600, 0.1)], "1000 tokens are spent, 1000 may be (--max-tokens)"),
        ([(1, 0.6), (1, 0.5)], "1.1000 USD are spent, 1 may be (--max-cost-usd)"),
        ([(1, None)], "what s seed 1 cost is not known, so that no ceiling in USD can be kept"),
        ([(0, 0.0)], "2000 tokens are spent, 1000 may be (--max-tokens)"),
    ],
    ids=["room", "tokens", "money", "unknown-price", "no-usage-told"],
)
def test_a_run_begins_no_case_once_its_purse_is_empty(plan, case, spent, reached):
    purse = Purse(replace(plan, ceilings=Ceilings(case_tokens=2000, run_tokens=1000, run_usd=1.0)))

    for tokens, usd in spent:
        purse.spend(case(m_tokens=tokens, m_cost_usd=usd))

    assert purse.reached.startswith(reached)
    assert purse.has_room() is not bool(reached)


@pytest.mark.parametrize(
    ("ceilings", "reached"),
    [
        (Ceilings(case_tokens=600, run_tokens=1000), "1200 tokens are spent"),
        (Ceilings(case_tokens=600, case_usd=0.6, run_usd=1.0), "1.2000 USD are spent"),
        (Ceilings(case_tokens=0, run_tokens=10**9), "what s seed 1 took is not known"),
        (Ceilings(run_usd=100.0), "what s seed 1 cost is not known"),
        (Ceilings(), ""),
    ],
)
def test_a_case_that_broke_may_have_cost_all_that_a_case_may(plan, broken, ceilings, reached):
    purse = Purse(replace(plan, ceilings=ceilings))

    for _ in range(2):
        purse.spend(broken())

    assert purse.reached.startswith(reached)
    assert purse.has_room() is not bool(reached)


def test_the_playbook_engine_costs_nothing_though_a_case_broke(plan, broken):
    purse = Purse(replace(plan, engine="playbook", settings=load(), ceilings=Ceilings(run_tokens=1, run_usd=1)))

    purse.spend(broken())

    assert purse.has_room()


@pytest.mark.parametrize("answered", ["gpt-5", "gpt-5-2025-08-07", "gpt-5-20250807", "gpt-5-mini"])
def test_a_dated_variant_has_the_price_of_its_model(plan, scenarios, answered):
    settings = load({**LLM, "model": "gpt-5", "prices": {"gpt-5": {"input": 1.0, "output": 2.0}}})
    (first, _) = cases(replace(plan, settings=settings), scenarios)
    turn = ModelTurn("", (), StopReason.END, Usage(1_000_000, 0, 1), engine="openai", model=answered)

    cost = price_of(load({**LLM, "model": "gpt-5", **dict(first.settings)}))(turn)

    assert (cost is None) is (answered == "gpt-5-mini")


def test_a_dated_variant_with_a_price_of_its_own_keeps_it(plan, scenarios):
    prices = {"gpt-5": {"input": 1.0, "output": 2.0}, "gpt-5-2*": {"input": 3.0, "output": 4.0}}
    (first, _) = cases(replace(plan, settings=load({**LLM, "model": "gpt-5", "prices": prices})), scenarios)

    assert "prices" not in dict(first.settings)


@pytest.mark.parametrize("jobs", [1, 2])
async def test_cases_that_are_not_begun_have_no_result(scenarios, jobs):
    chosen = [Case(scenarios[0], seed) for seed in (1, 2)]

    assert await evaluate.evaluate(chosen, Manner("playbook"), jobs=jobs, may_go_on=lambda: False) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ceilings": Ceilings(case_usd=0.1)}, "the price of model 'some-model' is not known"),
        ({"ceilings": Ceilings(run_usd=5)}, "GCM_SENTINEL_PRICES"),
        ({"ceilings": Ceilings(case_usd=0.0)}, "--max-cost-usd-per-case 0: a ceiling is more than 0"),
        ({"ceilings": Ceilings(run_usd=float("nan"))}, "--max-cost-usd nan: a ceiling is more than 0"),
        ({"suite": Suite(without=("dgcm",))}, "no data source 'dgcm'"),
        ({"keeping": Keeping(resume=True)}, "--output"),
    ],
    ids=["price-of-a-case", "price-of-the-run", "no-money", "not-a-number", "source", "resume-of-nothing"],
)
def test_what_cannot_be_kept_to_is_refused_before_it_costs_anything(plan, change, words):
    with pytest.raises(BadConfiguration, match=words):
        check(replace(plan, **change))


def test_a_known_price_makes_a_ceiling_in_money(plan):
    settings = load({**LLM, "prices": {"some-*": {"input": 1.0, "output": 2.0}}})

    check(replace(plan, settings=settings, ceilings=Ceilings(run_usd=5)))


def test_a_run_is_described_without_its_credentials(plan, scenarios):
    told = how(plan, scenarios)

    assert (told["engine"], told["model"], told["endpoint"]) == ("openai", "some-model", "127.0.0.1:9/v1")
    assert not {"word", "secret"} & set(str(told).replace(":", " ").replace("@", " ").split())


def test_two_scenarios_of_one_id_are_refused(scenarios):
    with pytest.raises(BadConfiguration, match="'off-bus-riser'"):
        evaluate.check([Case(scenarios[0], 1), Case(scenarios[0], 1)])
