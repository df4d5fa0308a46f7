"""What a run may spend is held to before anything is begun, in tokens and in money."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcm_sentinel.app import evaluate
from gcm_sentinel.app.eval_case import Manner
from gcm_sentinel.app.eval_plan import Ceilings, EvalPlan, Keeping, Purse, Suite, cases, check, how
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.domain.errors import BadConfiguration

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


@pytest.mark.parametrize(
    ("spent", "reached"),
    [
        ([(400, 0.1)], ""),
        ([(400, 0.1), (600, 0.1)], "1000 tokens are spent, 1000 may be (--max-tokens)"),
        ([(1, 0.6), (1, 0.5)], "1.1000 USD are spent, 1 may be (--max-cost-usd)"),
        ([(1, None)], ""),
    ],
)
def test_a_run_begins_no_case_once_its_purse_is_empty(case, spent, reached):
    purse = Purse(Ceilings(run_tokens=1000, run_usd=1.0))

    for tokens, usd in spent:
        purse.spend(case(m_tokens=tokens, m_cost_usd=usd))

    assert (purse.reached, purse.has_room()) == (reached, not reached)


def test_a_case_that_could_not_be_run_costs_nothing(broken):
    purse = Purse(Ceilings(run_tokens=1))

    purse.spend(broken())

    assert purse.has_room()


@pytest.mark.parametrize("jobs", [1, 2])
async def test_cases_that_are_not_begun_have_no_result(scenarios, jobs):
    chosen = [Case(scenarios[0], seed) for seed in (1, 2)]

    assert await evaluate.evaluate(chosen, Manner("playbook"), jobs=jobs, may_go_on=lambda: False) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ceilings": Ceilings(case_usd=0.1)}, "the price of model 'some-model' is not known"),
        ({"ceilings": Ceilings(run_usd=5)}, "GCM_SENTINEL_PRICES"),
        ({"suite": Suite(without=("dgcm",))}, "no data source 'dgcm'"),
        ({"keeping": Keeping(resume=True)}, "--output"),
    ],
    ids=["price-of-a-case", "price-of-the-run", "source", "resume-of-nothing"],
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
