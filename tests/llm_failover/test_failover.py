"""A turn is tried again while that may help; then the next engine goes on with that investigation, and says so."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.errors import BadConfiguration, Bug, Forbidden, Overloaded, Rejected, Unreachable
from gcm_sentinel.domain.transcript import ModelTurn, StopReason
from gcm_sentinel.llm.failover import FailoverModel, Switch
from gcm_sentinel.llm.scripted import ScriptedModel, calling, saying

BUSY = Overloaded("anthropic is overloaded (529)")


async def test_a_retryable_failure_is_tried_again(begun, quick):
    first = ScriptedModel([BUSY, Unreachable("cut"), saying("ok")], name="anthropic")

    turn = await FailoverModel([first], policy=quick).turn(begun("inc-1"), ())

    assert (turn.text, turn.engine, turn.notes) == ("ok", "anthropic", ())
    assert len(first.asked) == 3


async def test_the_next_engine_takes_over_when_tries_are_used_up(begun, quick):
    first, second = ScriptedModel([BUSY] * 3, name="anthropic"), ScriptedModel([saying("ok")], name="playbook")
    heard: list[Switch] = []

    turn = await FailoverModel([first, second], on_switch=heard.append, policy=quick).turn(begun("inc-1"), ())

    assert (turn.text, turn.engine) == ("ok", "playbook")
    assert turn.notes == ("anthropic is overloaded (529); playbook answered instead of anthropic",)
    assert [(item.incident_id, item.from_engine, item.to_engine) for item in heard] == [
        ("inc-1", "anthropic", "playbook")
    ]


@pytest.mark.parametrize("error", [Forbidden("key"), Rejected("too long", status=400), BadConfiguration("url")])
async def test_a_permanent_failure_switches_at_once(error, begun, quick):
    first, second = ScriptedModel([error], name="anthropic"), ScriptedModel([saying("ok")], name="playbook")

    turn = await FailoverModel([first, second], policy=quick).turn(begun("inc-1"), ())

    assert turn.engine == "playbook"
    assert len(first.asked) == 1


async def test_a_refusal_is_passed_on_to_the_next_engine(begun, quick):
    refusing = ScriptedModel([saying("I can't.", StopReason.REFUSAL)], name="anthropic")
    model = FailoverModel([refusing, ScriptedModel([saying("ok")], name="playbook")], policy=quick)

    turn = await model.turn(begun("inc-1"), ())

    assert turn.text == "ok"
    assert turn.notes == ("anthropic declined to answer; playbook answered instead of anthropic",)


async def test_the_last_engines_refusal_is_its_answer(begun, quick):
    model = FailoverModel([ScriptedModel([saying("I can't.", StopReason.REFUSAL)])], policy=quick)

    turn = await model.turn(begun("inc-1"), ())

    assert turn.stop is StopReason.REFUSAL


async def test_a_switch_lasts_for_its_investigation_and_no_other(begun, quick):
    first = ScriptedModel([Forbidden("key"), saying("for two")], name="anthropic")
    second = ScriptedModel([saying("a"), saying("b")], name="playbook")
    model = FailoverModel([first, second], policy=quick)

    one = begun("inc-1")
    one = one.append(await model.turn(one, ()))
    other = await model.turn(begun("inc-2"), ())
    again = await model.turn(one, ())

    assert (other.engine, other.text) == ("anthropic", "for two")
    assert (again.engine, again.text, again.notes) == ("playbook", "b", ())


async def test_the_next_investigation_of_the_same_incident_begins_with_the_first_engine(begun, quick):
    first = ScriptedModel([Forbidden("key"), saying("again")], name="anthropic")
    model = FailoverModel([first, ScriptedModel([saying("a")], name="playbook")], policy=quick)
    await model.turn(begun("inc-1"), ())

    turn = await model.turn(begun("inc-1", revision=2), ())

    assert (turn.engine, turn.text) == ("anthropic", "again")


async def test_after_a_restart_the_transcript_tells_who_goes_on(begun, quick):
    first, second = ScriptedModel([], name="anthropic"), ScriptedModel([saying("b")], name="playbook")
    earlier = ModelTurn("a", (), StopReason.END, engine="playbook")

    turn = await FailoverModel([first, second], policy=quick).turn(begun("inc-1").append(earlier), ())

    assert (turn.engine, first.asked) == ("playbook", [])


async def test_a_wait_longer_than_the_deadline_is_not_waited_for(begun, quick):
    asleep = Overloaded("try later", retry_after_s=300.0)
    first, second = ScriptedModel([asleep], name="anthropic"), ScriptedModel([saying("ok")], name="playbook")

    turn = await FailoverModel([first, second], policy=quick).turn(begun("inc-1"), ())

    assert turn.engine == "playbook"
    assert len(first.asked) == 1


async def test_when_nobody_can_answer_all_reasons_are_told(begun, quick):
    first, second = ScriptedModel([Forbidden("key refused")]), ScriptedModel([Unreachable("no route")] * 3)

    with pytest.raises(Unreachable, match="no engine could answer: key refused; no route"):
        await FailoverModel([first, second], policy=quick).turn(begun("inc-1"), ())


async def test_after_nobody_could_answer_the_first_engine_is_asked_again(begun, quick):
    first = ScriptedModel([Forbidden("key"), saying("ok")], name="anthropic")
    model = FailoverModel([first, ScriptedModel([Forbidden("too")], name="openai")], policy=quick)

    with pytest.raises(Forbidden):
        await model.turn(begun("inc-1"), ())
    turn = await model.turn(begun("inc-1"), ())

    assert turn.engine == "anthropic"


async def test_a_bug_of_ours_is_not_hidden_by_another_engine(begun, quick):
    model = FailoverModel([ScriptedModel([]), ScriptedModel([saying("ok")])], policy=quick)

    with pytest.raises(Bug, match="the script has 0 turns"):
        await model.turn(begun("inc-1"), ())


async def test_the_transcript_and_tools_reach_the_engine_as_they_are(begun, quick):
    first = ScriptedModel([calling(("a", {"x": 1}))])
    transcript = begun("inc-1")

    turn = await FailoverModel([first], policy=quick).turn(transcript, ())

    assert first.asked == [(transcript, ())]
    assert turn.tool_calls[0].arguments == {"x": 1}


def test_without_an_engine_it_says_which_needs_no_key():
    with pytest.raises(BadConfiguration, match="playbook"):
        FailoverModel([])


async def test_what_it_remembers_is_bounded(begun, quick):
    second = ScriptedModel([saying("ok")] * 1100, name="playbook")
    model = FailoverModel([ScriptedModel([Forbidden("key")] * 1100, name="anthropic"), second], policy=quick)

    for number in range(1100):
        await model.turn(begun(f"inc-{number}"), ())

    assert len(model._places) == 1000
