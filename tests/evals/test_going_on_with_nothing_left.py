"""A run that is complete leaves nothing to go on with, and says so; one with cases left keeps what they need."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcm_sentinel.app.eval_command import eval_command
from gcm_sentinel.app.eval_how import how
from gcm_sentinel.app.eval_journal import journal_of, read
from gcm_sentinel.app.eval_plan import EvalPlan, Keeping, Suite
from gcm_sentinel.app.eval_results import Run, write
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.settings import load
from gcm_sentinel.domain.errors import BadConfiguration

ONE = "single-failed-probe"


@pytest.fixture
def output(tmp_path):
    return tmp_path / "j.json"


@pytest.fixture
def plan(output):
    """To go on with a run of one case."""
    suite = Suite(only=(ONE,), variants=False)
    return EvalPlan(suite, "playbook", load(), keeping=Keeping(output, resume=True))


@pytest.fixture
def complete(plan, output):
    """Writes the results of such a run."""

    def make(*records):
        write(output, Run(how(plan, find_scenarios(SCENARIOS, (ONE,))), "2026-11-20T03:00", records, len(records)))

    return make


@pytest.mark.parametrize(("said", "code"), [({}, Exit.OK), ({"p_forbidden": ("recommended rma",)}, Exit.UNMET)])
async def test_a_complete_run_has_nothing_to_resume_and_ends_as_it_did(plan, complete, case, capsys, said, code):
    complete(case(ONE, **said))

    assert await eval_command(plan) is code
    assert "j.json is complete; nothing to resume" in capsys.readouterr().err


async def test_a_complete_run_made_otherwise_is_not_taken_for_this_one(plan, complete, case):
    complete(case(ONE))

    with pytest.raises(BadConfiguration, match=r"j\.json' was made with other settings: without was \[\[\]\]"):
        await eval_command(replace(plan, suite=replace(plan.suite, without=("dcgm",))))


def test_the_journal_of_a_complete_run_names_where_it_is(complete, case, output):
    complete(case(ONE))

    with pytest.raises(BadConfiguration, match=r"j\.json\.journal' is gone: its run is complete, and is in .*j\.json'"):
        read(journal_of(output))


@pytest.mark.slow
async def test_a_case_that_no_model_finished_can_be_tried_again(plan, output, monkeypatch, capsys):
    away = {"LLM_API": "openai", "MODEL": "some-model", "LLM_BASE_URL": "http://127.0.0.1:9/v1", "API_KEY": "none"}
    for name, value in away.items():
        monkeypatch.setenv(f"GCM_SENTINEL_{name}", value)
    alone = replace(plan, engine="openai", settings=load(), jobs=1)

    assert await eval_command(replace(alone, keeping=Keeping(output))) is Exit.UNMET

    told = f"not run or not answered: 1 of 1 cases; {journal_of(output)} is kept, and --resume tries them again"
    assert told in capsys.readouterr().err
    assert read(journal_of(output)).records == read(output).records
