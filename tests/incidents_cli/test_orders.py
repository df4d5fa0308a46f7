"""`incidents show`: what the agent was to do, by whichever investigation, who decided, and what still stands."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.incidents_cli.past import DONE, NODE

from gcm_sentinel.domain.action_record import ActionState, Refusal
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.storage.actions import Actions, Step


async def cordoned_then_looked_at_again(given):
    await given.investigated()
    record = await given.ordered(ActionState.WAITING)
    await given.answered(await given.asked(record), approve=True)
    for state in DONE:
        await Actions(given.database).advance(
            record.id, Step(state, given._clock.now(), note="unschedulable by our hand")
        )
    await given.again()


def test_another_investigation_does_not_hide_what_was_done_before(run, past):
    past(cordoned_then_looked_at_again)

    out = run("show", "inc-abc123").out

    assert "Assessment of inc-abc123.2:" in out
    assert f"\n  inc-abc123.1  cordon_node on node {NODE}  done 20" in out
    assert " UTC: unfit for work\n" in out
    assert "\n      question ap-1: approved by ada (cli) at 20" in out
    assert " UTC: seen\n" in out
    assert "\n      unschedulable by our hand\n" in out


def test_what_still_stands_says_what_gives_it_back(run, past):
    past(cordoned_then_looked_at_again)

    out = run("show", "inc-abc123").out

    words = f"stands until a person gives it back: kubectl uncordon {NODE}"
    assert f"Still stands, but for what people gave back since:\n  cordon_node on node {NODE}  {words}\n" in out


def test_a_taint_is_given_back_by_its_key(run, past):
    async def happen(given):
        await given.opened()
        await given.ordered(*DONE, operation=Operation.TAINT_NODE)

    past(happen)

    assert f"gives it back: kubectl taint node {NODE} gcm-sentinel/unfit-\n" in run("show", "inc-abc123").out


@pytest.mark.parametrize(
    ("states", "operation"),
    [
        ((*DONE, ActionState.UNDONE), Operation.CORDON_NODE),
        (DONE, Operation.RESTART_POD),
        (DONE, Operation.REBOOT_NODE),
        ((ActionState.REFUSED,), Operation.CORDON_NODE),
        ((), Operation.CORDON_NODE),
    ],
    ids=["taken-back", "restarted", "rebooted", "refused", "proposed"],
)
def test_nothing_stands_of_what_left_nothing(run, past, states, operation):
    async def happen(given):
        await given.opened()
        await given.ordered(*states, operation=operation)

    past(happen)

    out = run("show", "inc-abc123").out
    assert "Orders (1;" in out
    assert "stand" not in out


def test_what_failed_may_stand(run, past):
    async def happen(given):
        await given.opened()
        await given.ordered(ActionState.APPROVED, ActionState.RUNNING, ActionState.FAILED, note="a person must look")

    past(happen)

    out = run("show", "inc-abc123").out
    assert "\n      a person must look\n" in out
    assert f"may stand until a person gives it back: kubectl uncordon {NODE}" in out


def test_a_refusal_says_why_and_by_whom(run, past):
    async def happen(given):
        await given.opened()
        record = await given.ordered(ActionState.WAITING)
        await given.answered(await given.asked(record), approve=False, reason="not during the run\x1b[2J")
        step = Step(ActionState.REFUSED, given._clock.now(), note="ada refused by cli", refusal=Refusal.PERSON)
        await Actions(given.database).advance(record.id, step)

    past(happen)

    out = run("show", "inc-abc123").out
    assert f"cordon_node on node {NODE}  refused 20" in out
    assert " UTC: not during the run␛[2J\n" in out
    assert "ada refused by cli\n" in out


async def three_questions(given):
    await given.opened()
    record = await given.ordered(ActionState.WAITING)
    await given.asked(record, "ap-1", left=timedelta(minutes=-5))
    await given.withdrawn(await given.asked(record, "ap-2"), "inc-abc123.2 does not advise it any more")
    await given.asked(record, "ap-3")


def test_a_question_that_expired_or_was_withdrawn_was_decided_by_nobody(run, past):
    past(three_questions)

    out = run("show", "inc-abc123").out

    assert ": nobody decided in time\n" in out
    assert "question ap-2: withdrawn by the agent at 20" in out
    assert " UTC: inc-abc123.2 does not advise it any more\n" in out
    assert "question ap-3: waits for a person until 20" in out


def test_json_holds_the_orders_of_all_investigations(run, past):
    past(cordoned_then_looked_at_again)

    shown = run("show", "inc-abc123", "--output", "json").json

    (order,) = shown["orders"]
    assert shown["looked_at"] == "inc-abc123.2"
    assert (order["investigation"], order["operation"], order["state"]) == ("inc-abc123.1", "cordon_node", "done")
    assert (order["target"]["name"], order["reason"], order["refusal"]) == (NODE, "unfit for work", None)
    assert (order["stands"], order["given_back_by"]) == (True, f"kubectl uncordon {NODE}")
    assert order["requested_at"] <= order["started_at"] <= order["ended_at"]
    (question,) = order["questions"]
    assert (question["answer"], question["decided_by"], question["decision_reason"]) == ("approved", "ada", "seen")


def test_json_tells_expired_and_withdrawn_from_decided(run, past):
    past(three_questions)

    (order,) = run("show", "inc-abc123", "--output", "json").json["orders"]

    assert [item["answer"] for item in order["questions"]] == ["expired", "withdrawn", "waiting"]
    assert {item["decided_by"] for item in order["questions"]} == {""}


def test_the_page_holds_the_orders_of_all_investigations(run, past):
    past(cordoned_then_looked_at_again)

    page = run("show", "inc-abc123", "--output", "html").out

    assert "<code>inc-abc123.1</code>" in page
    assert "ap-1: approved by ada (cli) at 20" in page
    assert f"kubectl uncordon {NODE}" in page


def test_an_incident_without_orders_has_none(run, past):
    past(lambda given: given.investigated())

    assert "Orders" not in run("show", "inc-abc123").out
    assert run("show", "inc-abc123", "--output", "json").json["orders"] == []
    assert 'id="orders"' not in run("show", "inc-abc123", "--output", "html").out
