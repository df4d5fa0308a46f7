"""What stands on a card, that it always fits, and that no word of others is read as markup."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.slack.conftest import cordon, edition
from tests.slack.double import texts_of, wrong_with

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Citation, Claim, Outcome, RecommendedAction
from gcm_sentinel.domain.entity import node
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.notify.slack_card import card, notification
from gcm_sentinel.notify.slack_text import disarmed

HOSTILE = "<!channel> @here <@U1> <https://evil.example|fix it> mailto:x@y *bold* & \u202e `x`"


def blocks_of(publication: Publication) -> list[dict[str, Any]]:
    """The card, as Slack gets it."""
    return [dict(block) for block in card(publication)]


def words(publication: Publication) -> str:
    """Everything that can be read."""
    return "\n".join(texts_of(blocks_of(publication)))


def test_it_names_severity_node_gpu_cause_advice_claims_and_who_said_so():
    shown = words(edition(1))

    for expected in (
        "CRITICAL gpu-r03-n05: gpu off bus", "Node: gpu-r03-n05", "GPUs: 1", "Confidence: 92%",
        "The PCIe path of GPU 1 fails", "3. drain gpu-r03-n05", "1. Xid 79 was first [E2]",
        "incident inc-79", "by playbook",
    ):  # fmt: skip
        assert expected in shown


def test_an_answer_that_is_no_conclusion_says_so():
    assert "Confidence: 92% (partial, no conclusion)" in words(edition(1, outcome=Outcome.PARTIAL))


def test_nothing_is_decided_on_a_card():
    blocks = blocks_of(edition(2, cordon()))

    assert "actions" not in {block["type"] for block in blocks}
    assert "until 04:12 UTC: gcm-sentinel approvals show ap-1" in "\n".join(texts_of(blocks))


def test_hostile_words_stand_in_plain_objects_disarmed():
    claim = Claim(HOSTILE, (Citation("E2", HOSTILE),))
    hostile = edition(1, cordon(note=HOSTILE), summary=HOSTILE, root_cause=HOSTILE, claims=(claim,))
    blocks = blocks_of(hostile)

    texts = [block["text"] for block in blocks if isinstance(block.get("text"), dict)]
    for text in texts:
        if text["type"] == "mrkdwn":
            assert text["text"] in {
                "*Cause*", "*Advised*", "*Waits for a person*", "*Claims and what they rest on*",
            }  # fmt: skip
    shown = words(hostile)
    for armed in ("<!", "<@", "<https", "https://", "@here", "mailto:", "\u202e"):
        assert armed not in shown


def test_a_node_of_a_hostile_name_mentions_nobody_in_the_notification():
    publication = edition(1)
    hostile = replace(publication, assessment=replace(publication.assessment, node="<!channel>"))

    assert "<!channel>" not in notification(hostile)


@pytest.mark.parametrize("char", ["x", "&", "<", "過", "@"])
def test_whatever_a_model_writes_fits_what_slack_takes(char):
    long = char * 9000
    claims = tuple(Claim(f"{long} {number}", (Citation("E2", "q"),)) for number in range(40))
    actions = tuple(RecommendedAction(Action.DRAIN, node(long), long) for _ in range(30))
    orders = [cordon(note=long, calls=(long,) * 90) for _ in range(30)]
    publication = edition(2, *orders, summary=long, root_cause=long, claims=claims, actions=actions)

    assert wrong_with(blocks_of(publication)) == ""


@pytest.mark.parametrize("text", ["", "a", "&" * 50, "<" * 3, "abc " * 90])
def test_cut_text_is_within_its_limit_and_no_entity_is_cut_in_two(text):
    shown = disarmed(text, 40)

    assert len(shown) <= 40
    assert shown.replace("&amp;", "").replace("&lt;", "").count("&") == 0
