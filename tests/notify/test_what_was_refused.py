"""What the assessment advises and the agent was refused is told by every sink, beside the advice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.notify.conftest import NODE, NOW, a_publication
from tests.slack.conftest import cordon, edition
from tests.slack.double import texts_of, wrong_with

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import RecommendedAction
from gcm_sentinel.domain.entity import node
from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.notify.kubernetes_event import message
from gcm_sentinel.notify.pagerduty import trigger
from gcm_sentinel.notify.slack import _again
from gcm_sentinel.notify.slack_card import card
from gcm_sentinel.notify.webhook import chat_text, payload

BREAKER = "the circuit breaker is open (9 of 20 GPU nodes are out): a person has to reset it"
SAID = (
    f"Not done: drain_node {NODE} was refused: {BREAKER}."
    " Ask again with `gcm-sentinel incidents reinvestigate inc-79` when that has changed."
)


def asked(number: int, tool: str = "drain_node", reason: str = BREAKER, **given: Any) -> Evidence:
    """A request at the desk; `ok` says that it was not refused."""
    ok, arguments = given.pop("ok", False), {"node_name": NODE, "reason": "unfit", **given}
    note = f"Refused: {reason}. Nothing was or will be done."
    result = ToolResult(ResultStatus.OK, tool) if ok else ToolResult(ResultStatus.ERROR, tool, note=note)
    return Evidence(f"E{number}", DESK, tool, arguments, result, NOW, "d")


def told(*evidence: Evidence, **changed: Any) -> Publication:
    return replace(a_publication(**changed), evidence=evidence)


def words(*evidence: Evidence, **changed: Any) -> list[str]:
    return [item.words for item in told(*evidence, **changed).held_back]


def test_the_newest_refusal_of_each_operation_on_each_target_is_told_with_its_reason():
    found = told(asked(1, reason="look at it first"), asked(2, "cordon_node", "full house"), asked(3)).held_back

    assert [(item.evidence, item.words) for item in found] == [
        ("E2", f"cordon_node {NODE} was refused: full house"),
        ("E3", f"drain_node {NODE} was refused: {BREAKER}"),
    ]


def test_what_was_let_ask_for_after_all_was_not_held_back():
    assert words(asked(1), asked(2, ok=True), asked(3, reason="E2 proposed the same already")) == []


def test_one_node_that_was_let_says_nothing_about_another():
    advice = tuple(RecommendedAction(Action.DRAIN, node(name)) for name in (NODE, "n2"))

    assert words(asked(1, ok=True), asked(2, reason="full house", node_name="n2"), actions=advice) == [
        "drain_node n2 was refused: full house"
    ]


def test_a_gpu_named_by_its_uuid_the_second_time_is_the_same_gpu():
    advice = (RecommendedAction(Action.QUARANTINE_GPU),)
    first = asked(1, "quarantine_gpu", "nobody has seen GPU 3", gpu_uuid="3")

    assert words(first, actions=advice) == ["quarantine_gpu 3 was refused: nobody has seen GPU 3"]
    assert words(first, asked(2, "quarantine_gpu", ok=True, gpu_uuid="GPU-1"), actions=advice) == []


@pytest.mark.parametrize(
    "request_",
    [
        asked(1, "reboot_node"),
        asked(1, node_name="another"),
        asked(1, "shell"),
        asked(1, reason=f"drain_node on {NODE} was ordered before: done"),
        replace(asked(1), source="kubernetes"),
    ],
    ids=["not advised", "not advised there", "no operation", "done before", "no request"],
)
def test_nothing_is_told_of(request_):
    assert words(request_) == []


def test_the_webhook_says_it_in_words_and_in_keys():
    publication = told(asked(1))

    assert chat_text(publication).splitlines()[-2:] == ["Action: drain (confidence 92%)", SAID]
    result: Any = payload(publication)["sentinel_result"]
    assert result["held_back"] == [{"operation": "drain_node", "target": NODE, "reason": BREAKER}]


def test_the_webhook_says_until_when_a_question_waits_and_where_to_look():
    publication = edition(2, cordon(note="in mode approve a person decides about every action"))

    last = chat_text(publication).splitlines()[-1]
    assert last == f"cordon_node {NODE}: waiting until 04:12 UTC; gcm-sentinel approvals show ap-1"


def test_slack_says_it_on_the_card_and_where_the_incident_is_investigated_again():
    blocks = [dict(block) for block in card(told(asked(1)))]

    assert SAID in texts_of(blocks)
    assert wrong_with(blocks) == ""
    assert _again(told(asked(1)))[-1] == SAID


def test_pagerduty_says_it_in_the_details():
    assert trigger(told(asked(1)))["payload"]["custom_details"]["held_back"] == SAID
    assert "held_back" not in trigger(told())["payload"]["custom_details"]


def test_the_event_says_it_in_a_word_and_keeps_its_limit():
    publication = told(asked(1), asked(2, "cordon_node", "full house"), summary="corroded " * 400)
    text = message(replace(publication, actions=(cordon(ActionState.DONE),)))

    states = "cordon_node: done, drain_node: refused, cordon_node: refused"
    assert text.endswith(f"… ({states}) | Action: drain | Confidence: 92%")
    assert len(text.encode()) <= 1024


def test_hostile_words_of_a_refusal_are_disarmed():
    hostile = told(asked(1, reason="<!channel>\n@here"))

    assert "&lt;!channel&gt; @\u200bhere" in chat_text(hostile)
    assert all("<!" not in text for text in texts_of([dict(block) for block in card(hostile)]))
