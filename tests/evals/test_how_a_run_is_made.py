"""A run is gone on with, and recorded beside, only what was made alike; whatever was paid for counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcm_sentinel.app.eval_command import eval_command
from gcm_sentinel.app.eval_how import asked, code_of, how
from gcm_sentinel.app.eval_journal import Journal
from gcm_sentinel.app.eval_plan import Ceilings, EvalPlan, Keeping, Suite
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.settings import load

LLM = {"llm_api": "openai", "model": "some-model", "llm_base_url": "http://127.0.0.1:9/v1"}


@pytest.fixture
def plan():
    return EvalPlan(Suite(only=("off-bus-riser",), seeds=3, variants=False), "openai", load(LLM))


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"system_prompt_path": "b.txt"}, ["prompt"]),
        ({"prompts_dir": "prompts"}, ["prompt"]),
        ({"action_mode": "approve"}, ["prompt", "settings"]),
        ({"max_tool_output": 100}, ["settings"]),
        ({"disabled_sources": ("dcgm",)}, ["settings"]),
        ({"probes": "deep"}, ["settings"]),
        ({"min_confidence": 0.5}, ["settings"]),
        ({"api_key": "another-key", "kubeconfig": "elsewhere", "webhook_url": "http://127.0.0.1:9"}, []),
    ],
)
def test_two_runs_are_told_apart_by_what_makes_their_answers(plan, tmp_path, monkeypatch, change, differs):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "finish.md").write_text("say inconclusive")
    (tmp_path / "a.txt").write_text("be careful")
    (tmp_path / "b.txt").write_text("be quick")
    given = {**LLM, "system_prompt_path": "a.txt"}

    one, other = (asked(replace(plan, settings=load(settings))) for settings in (given, {**given, **change}))

    assert [key for key in one if one[key] != other[key]] == differs


@pytest.mark.parametrize(
    ("name", "counts"), [("loop.py", True), ("data/a.yaml", True), ("__pycache__/loop.pyc", False)]
)
def test_code_is_every_file_that_comes_into_a_result(tmp_path, name, counts):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("before")
    before = code_of([tmp_path])

    path.write_text("now")

    assert (code_of([tmp_path]) != before) is counts


async def test_what_had_no_answer_is_tried_again_and_all_that_was_spent_counts(plan, tmp_path, case, broken, capsys):
    """The ceiling is reached by what was spent before, so that no case is begun."""
    plan = replace(
        plan, ceilings=Ceilings(case_tokens=500, run_tokens=1300), keeping=Keeping(tmp_path / "r.json", resume=True)
    )
    made = how(plan, find_scenarios(SCENARIOS, plan.suite.only))
    with Journal.begin(tmp_path / "r.json.journal", made, 3) as journal:
        journal.add(case("off-bus-riser", 1, m_tokens=400), 900.0)
        journal.add(case("off-bus-riser", 2, m_tokens=400, m_outcome="failed"), 950.0)
        journal.add(broken("off-bus-riser", 3), 1000.0)

    assert await eval_command(plan) is Exit.UNMET

    out, err = capsys.readouterr()
    assert "; 1 are done, 2 could not be run or answered and are tried again" in err
    assert "1300 tokens are spent, 1300 may be (--max-tokens): 1 of 3 cases are done" in err
    assert "whole run 1000." in out
