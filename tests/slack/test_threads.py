"""An incident is one card and one thread, whatever comes of it, through the official SDK over real HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from tests.slack.conftest import QUICK, a_sink, cordon, edition
from tests.slack.double import BOT, CHANNEL, limited

from gcm_sentinel.clients.slack import SlackApi
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.errors import Forbidden, NotFound, Retryable, Unauthenticated, Unreachable
from gcm_sentinel.domain.threads import OverThread
from gcm_sentinel.notify.slack import Place, SlackNotifier

DONE = ActionState.DONE


async def test_the_first_assessment_is_a_card_in_the_channel(slack, sink):
    await sink.publish(edition(1))

    (card,) = slack.cards
    assert card.text == "[CRITICAL] gpu-r03-n05: GcmXidErrorsProblem"
    assert slack.replies(card) == []


async def test_what_becomes_of_an_action_changes_the_card_and_is_a_reply(slack, sink):
    await sink.publish(edition(1))
    await sink.publish(edition(2, cordon()))
    await sink.publish(edition(3, cordon(DONE, note="node gpu-r03-n05 is cordoned")))

    (card,) = slack.cards
    asked, done = slack.replies(card)
    assert (card.changes, asked.buttons) == (2, {})
    assert "cordon_node gpu-r03-n05: done" in asked.words
    assert "cordon_node gpu-r03-n05: done" in done.words
    assert "cordon_node gpu-r03-n05: done" in card.words


async def test_a_question_is_shown_in_the_channel_as_well_and_a_success_is_not(slack, sink):
    await sink.publish(edition(1))
    await sink.publish(edition(2, cordon()))
    await sink.publish(edition(3, cordon(DONE)))

    assert [reply.loud for reply in slack.replies(slack.cards[0])] == [True, False]


async def test_a_restart_goes_on_in_the_same_thread(slack, sink, threads):
    await sink.publish(edition(1))
    await a_sink(slack, threads).publish(edition(2, cordon()))

    assert len(slack.cards) == 1
    assert len(slack.replies(slack.cards[0])) == 1


async def test_the_same_edition_again_says_nothing_new(slack, sink):
    await sink.publish(edition(1))
    for _ in range(2):
        await sink.publish(edition(2, cordon()))

    assert len(slack.replies(slack.cards[0])) == 1


async def test_another_investigation_goes_on_in_the_thread(slack, sink):
    await sink.publish(edition(1))
    await sink.publish(edition(1, revision=2, summary="GPU 1 is back, its link is not"))

    (card,) = slack.cards
    assert "GPU 1 is back" in card.words
    assert slack.replies(card)[0].words.startswith("Investigated again: [CRITICAL] GPU 1 is back")


async def test_news_of_an_older_investigation_leaves_the_card_of_the_newer(slack, sink):
    await sink.publish(edition(1, cordon()))
    await sink.publish(edition(1, revision=2, summary="GPU 1 is back"))
    await sink.publish(edition(2, cordon(DONE)))

    assert "GPU 1 is back" in slack.cards[0].words
    assert "done" in slack.replies(slack.cards[0])[-1].words


async def test_another_investigation_leaves_the_buttons_of_a_question_that_waits(slack, sink):
    await sink.publish(edition(1, cordon()))
    await sink.publish(edition(1, revision=2))
    await sink.publish(edition(2, cordon()))

    (asked,) = [reply for reply in slack.replies(slack.cards[0]) if reply.buttons]
    assert (asked.loud, "Waits for a person" in asked.words) == (True, True)


async def test_a_question_of_an_older_investigation_goes_when_it_waits_no_more(slack, sink):
    await sink.publish(edition(1, cordon()))
    await sink.publish(edition(1, revision=2))
    await sink.publish(edition(2, cordon(ActionState.REFUSED, note="nobody decided")))

    assert [reply.buttons for reply in slack.replies(slack.cards[0])] == [{}] * 3
    assert "nobody decided" in slack.replies(slack.cards[0])[0].words


async def test_the_end_of_an_incident_is_tried_once_per_call(slack, sink, threads):
    await sink.publish(edition(1))
    slack.answers = [web.json_response({"ok": False, "error": "fatal_error"})]

    with pytest.raises(Retryable):
        await sink.close(OverThread(await threads.get("slack", "inc-79"), "recovered"))

    assert len(slack.calls) == 2


async def test_a_card_somebody_deleted_is_begun_anew(slack, sink):
    await sink.publish(edition(1))
    slack.messages.clear()

    await sink.publish(edition(2, cordon()))

    assert "cordon_node gpu-r03-n05: waiting" in slack.cards[0].words


async def test_the_end_of_the_incident_is_said_in_its_thread(slack, sink, threads):
    await sink.publish(edition(1))
    thread = await threads.get("slack", "inc-79")

    await sink.close(OverThread(thread, "recovered"))

    assert slack.replies(slack.cards[0])[0].words == "The incident is closed: recovered"


async def test_a_channel_named_by_its_name_is_remembered_by_its_id(slack, threads):
    sink = a_sink(slack, threads, channel="#gpu-alerts")
    await sink.publish(edition(1))
    await sink.publish(edition(2, cordon()))

    assert len(slack.replies(slack.cards[0])) == 1


async def test_too_many_messages_wait_as_long_as_slack_says(slack, sink):
    slack.answers = [limited(1)]

    await sink.publish(edition(1))

    assert slack.calls == ["chat.postMessage"] * 2
    assert len(slack.cards) == 1


async def test_a_slack_in_trouble_is_tried_again(slack, sink):
    slack.answers = [web.Response(status=503, text="<html>"), web.json_response({"ok": False, "error": "fatal_error"})]

    await sink.publish(edition(1))

    assert len(slack.cards) == 1


@pytest.mark.parametrize(
    ("word", "error"),
    [("invalid_auth", Unauthenticated), ("not_in_channel", Forbidden), ("channel_not_found", NotFound)],
)
async def test_what_will_not_change_is_not_tried_again(slack, sink, word, error):
    slack.answers = [web.json_response({"ok": False, "error": word})]

    with pytest.raises(error, match=word):
        await sink.publish(edition(1))

    assert len(slack.calls) == 1


async def test_a_missing_scope_is_named(slack, sink):
    slack.answers = [web.json_response({"ok": False, "error": "missing_scope", "needed": "chat:write"})]

    with pytest.raises(Forbidden, match="the app needs chat:write"):
        await sink.publish(edition(1))


async def test_a_slack_that_is_away_may_work_later_and_no_token_is_told(threads):
    api = SlackApi(BOT, base_url="http://127.0.0.1:1/api/")
    sink = SlackNotifier(api, Place(CHANNEL), threads, policy=replace(QUICK, deadline=timedelta(milliseconds=20)))

    with pytest.raises(Unreachable) as failed:
        await sink.publish(edition(1))

    assert "hush" not in str(failed.value)
