"""What a question in Slack shows: everything that would be done and to whom, or no button."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.slack.conftest import DIGEST, cordon
from tests.slack.double import texts_of, wrong_with

from gcm_sentinel.domain.foreseen import Foreseen
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.notify.slack_question import APPROVE, DENY, question

PODS = tuple(f"ml/train-{number} of PyTorchJob/llama; 8 GPUs" for number in range(40))
CALLS = tuple(f"POST /api/v1/namespaces/ml/pods/train-{number}/eviction {{}}" for number in range(40))


def shown(action: PublishedAction, *, buttons: bool = True) -> tuple[str, list[dict[str, Any]]]:
    """Everything that can be read, and the buttons."""
    blocks: list[dict[str, Any]] = [dict(block) for block in question(action, buttons=buttons)]
    assert wrong_with(blocks) == ""
    return "\n".join(texts_of(blocks)), [one for block in blocks for one in block.get("elements", [])]


def test_it_shows_what_would_be_sent_why_and_until_when():
    words, _ = shown(cordon())

    assert 'PATCH /api/v1/nodes/gpu-r03-n05 {"spec":{"unschedulable":true}}' in words
    assert "until 04:12 UTC: gcm-sentinel approvals show ap-1" in words
    assert "unfit" in words


def test_every_request_pod_and_note_stands_beside_the_button():
    seen = Foreseen(PODS, ("ml/db-0: no controller",), ("the gang stops",))
    words, buttons = shown(cordon(calls=CALLS, foreseen=seen))

    assert all(line in words for line in (*CALLS, *PODS, *seen.spared, *seen.notes))
    assert len(buttons) == 2


def test_its_buttons_carry_question_and_digest():
    _, buttons = shown(cordon())

    assert [button["action_id"] for button in buttons] == [APPROVE, DENY]
    assert [json.loads(button["value"]) for button in buttons] == [{"question": "ap-1", "digest": DIGEST}] * 2


@pytest.mark.parametrize(
    "changed",
    [
        {"calls": CALLS * 20},
        {"calls": ("x" * 3000,)},
        {"foreseen": Foreseen(PODS * 20)},
        {"foreseen": Foreseen((), ("&" * 700,))},
        {"foreseen": None},
    ],
)
def test_what_cannot_be_shown_whole_has_no_button_but_the_way_to_the_command_line(changed):
    words, buttons = shown(cordon(**changed))

    assert buttons == []
    assert "Too much to show here: look with gcm-sentinel approvals show ap-1" in words


def test_where_nothing_can_be_decided_it_is_shown_without_buttons():
    words, buttons = shown(cordon(), buttons=False)

    assert ("PATCH /api/v1/nodes" in words, buttons) == (True, [])
