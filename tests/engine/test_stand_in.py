"""Which engine answers, what is told of each turn, and how an assessment says that a stand-in gave it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.errors import Forbidden, Unreachable
from gcm_sentinel.domain.transcript import ModelTurn, StopReason
from gcm_sentinel.engine.stand_in import PLAYBOOK, stood_in
from gcm_sentinel.llm.failover import FailoverModel
from gcm_sentinel.llm.playbook.model import PlaybookModel
from gcm_sentinel.llm.scripted import ScriptedModel

DRY = "the budget of 5 USD an hour is used up"


@pytest.fixture
def verdict(calling, submitting, submission):
    """The turns of one good investigation, by whichever engine plays them."""
    turns = [calling("read_kernel_log"), submitting(submission)]
    return [ModelTurn(turn.text, turn.tool_calls, turn.stop, turn.usage) for turn in turns]


def test_the_playbook_engine_is_known_by_its_name():
    assert PlaybookModel().name == PLAYBOOK


async def test_where_the_budget_is_dry_the_playbook_engine_answers_and_says_why(make_loop, canned, incident, verdict):
    llm = ScriptedModel([], name="anthropic")
    loop = make_loop(llm, canned)

    done = await loop.investigate(incident, model=ScriptedModel(verdict, name=PLAYBOOK), stand_in_for=DRY)

    assert (done.stood_in, llm.asked) == (True, [])
    assert done.assessment.engine == PLAYBOOK
    assert done.assessment.notes == (f"{DRY}; playbook answered",)


async def test_a_fail_over_to_the_playbook_engine_is_a_stand_in_too(make_loop, canned, incident, verdict):
    llm = ScriptedModel([Forbidden("the key was refused")], name="anthropic")
    loop = make_loop(FailoverModel([llm, ScriptedModel(verdict, name=PLAYBOOK)]), canned)

    done = await loop.investigate(incident)

    assert done.stood_in
    assert done.assessment.notes == ("the key was refused; playbook answered instead of anthropic",)


async def test_a_fail_over_from_one_llm_to_another_is_none(make_loop, canned, incident, verdict):
    llm = ScriptedModel([Forbidden("the key was refused")], name="anthropic")
    loop = make_loop(FailoverModel([llm, ScriptedModel(verdict, name="openai")]), canned)

    done = await loop.investigate(incident)

    assert not done.stood_in


async def test_where_the_playbook_engine_was_wanted_nobody_stood_in(make_loop, canned, incident, verdict):
    wanted = ScriptedModel(verdict, name=PLAYBOOK)
    loop = make_loop(wanted, canned)

    done = await loop.investigate(incident, model=wanted, stand_in_for="no reason at all")

    assert not done.stood_in
    assert done.assessment.notes == ()


async def test_a_failed_investigation_is_nobodys(make_loop, canned, incident):
    refusing = ScriptedModel([ModelTurn("No.", (), StopReason.REFUSAL)], name=PLAYBOOK)
    loop = make_loop(ScriptedModel([], name="anthropic"), canned)

    done = await loop.investigate(incident, model=refusing, stand_in_for=DRY)

    assert done.assessment.outcome is Outcome.FAILED
    assert not stood_in(done.assessment, "anthropic")


async def test_each_turn_is_told_with_its_number_and_cost(make_loop, canned, incident, verdict):
    told = []

    async def on_turn(investigation_id, number, turn, cost_usd):
        told.append((investigation_id, number, turn.usage.input_tokens, cost_usd))

    await make_loop(ScriptedModel(verdict), canned, price=0.25).investigate(incident, on_turn=on_turn)

    assert told == [("inc-1.1", 1, 100, 0.25), ("inc-1.1", 2, 100, 0.25)]


async def test_a_turn_that_was_paid_for_is_used_though_its_cost_cannot_be_written_down(
    make_loop, canned, incident, verdict
):
    async def on_turn(investigation_id, number, turn, cost_usd):
        raise Unreachable("the database is away")

    with capture_logs() as logs:
        done = await make_loop(ScriptedModel(verdict), canned).investigate(incident, on_turn=on_turn)

    assert done.assessment.outcome is Outcome.CONCLUDED
    assert [entry["turn"] for entry in logs if entry["event"] == "spending.not_recorded"] == [1, 2]
