"""Delivery to real HTTP servers: nothing is lost, nothing is told under two keys, nobody waits for another's fault."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
from tests.sentinel_alerts.made import alert
from tests.sentinel_alerts.receivers import HANG, HttpReceiver, Reply
from tests.sentinel_alerts.sending import IMPATIENT, QUICK, Post, until, webhook

from sentinel_gateway.domain.alert_settings import AlertSettings, SlackSettings, WebhookSettings

pytestmark = pytest.mark.slow

DAY_NS = 24 * 3600 * 10**9


@pytest.fixture
def post(database) -> Post:
    return Post(database)


async def test_what_is_owed_is_delivered_in_order(post, receiver):
    post.owe(*map(alert, range(50)), to="webhook.a")

    async with post.delivering(webhook("a", receiver.url)):
        posted = await receiver.has(50)
        await post.settled(50)

    assert [one.headers["Idempotency-Key"] for one in posted] == [alert(number).alert_id for number in range(50)]


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 502, 503, 302])
async def test_what_may_change_is_tried_again_with_the_same_key_and_body(post, receiver, status):
    receiver.replies.extend([Reply(status)] * 2)
    post.owe(alert(), to="webhook.a")

    async with post.delivering(webhook("a", receiver.url)) as alerting:
        await post.settled(1)

    keys = {one.headers["Idempotency-Key"] for one in receiver.posted}
    assert (len(receiver.posted), len(keys), len({one.body for one in receiver.posted})) == (3, 1, 1)
    assert (post.told()[0].state, post.told()[0].attempts, alerting.metrics.failed["webhook.a"]) == ("sent", 3, 2)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_a_message_that_is_refused_is_given_up_and_the_next_goes_on(post, receiver, status):
    receiver.replies.append(Reply(status, "no such field"))
    post.owe(alert(1), alert(2), to="webhook.a")

    async with post.delivering(webhook("a", receiver.url)) as alerting:
        second, first = await post.settled(2)

    assert (first.state, first.words, second.state) == ("failed", f"refused: {status} no such field", "sent")
    assert post.notes[0][0] == "alert.given_up"
    assert alerting.metrics.given_up["webhook.a", "gpu_quarantined"] == 1


async def test_a_receiver_that_asks_for_time_gets_it(post, receiver):
    receiver.replies.append(Reply(429, "slow down", {"Retry-After": "1"}))
    post.owe(alert(1), alert(2), to="webhook.a")
    began = time.monotonic()

    async with post.delivering(webhook("a", receiver.url)):
        await post.settled(2)

    assert time.monotonic() - began >= 1
    assert len(receiver.posted) == 3


async def test_a_receiver_that_hangs_is_left_after_the_deadline(post, receiver):
    receiver.replies.append(HANG)
    post.owe(alert(), to="webhook.a")

    async with post.delivering(webhook("a", receiver.url, IMPATIENT)):
        await receiver.has(2)
        await post.settled(1)

    assert post.told()[0].attempts == 2


async def test_a_receiver_that_is_not_there_is_waited_for(post):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/secret-path"
    post.owe(alert(), to="webhook.a")

    async with post.delivering(webhook("a", url)) as alerting:
        await until(lambda: alerting.metrics.failed["webhook.a"] >= 3)

    assert post.told()[0].state == "pending"
    assert "secret-path" not in post.told()[0].words


async def test_a_bad_channel_does_not_delay_the_others(post, receiver):
    slow = [WebhookSettings(f"slow{number}", f"{receiver.url}/slow", "") for number in range(3)]
    receiver.replies.extend([HANG] * 3)
    async with HttpReceiver.started() as good:
        settings = AlertSettings(slack=SlackSettings(good.url), webhooks=tuple(slow), sending=QUICK)
        for one in slow:
            post.owe(alert(ord(one.name[-1])), to=f"webhook.{one.name}")
        async with post.delivering(settings) as alerting:
            await receiver.has(3)
            post.owe(alert(99), to="slack")
            for delivering in alerting._deliveries:
                delivering.ring()
            assert len(await good.has(1)) == 1
            receiver._over.set()


async def test_what_is_not_delivered_in_a_day_is_given_up_and_put_on_record(post, receiver):
    post.owe(alert(1), to="webhook.a", now_ns=time.time_ns() - DAY_NS - 1)
    post.owe(alert(2), to="webhook.a")

    async with post.delivering(webhook("a", receiver.url)):
        second, first = await post.settled(2)

    assert (first.state, first.words, second.state) == ("failed", "not delivered in time", "sent")
    fields = {"alert": alert(1).alert_id, "rule": "gpu_quarantined", "channel": "webhook.a"}
    assert post.notes == [("alert.given_up", {**fields, "reason": "not delivered in time"})]


async def test_what_a_channel_owed_that_is_no_more_is_given_up_after_a_day(post, receiver):
    post.owe(alert(1), to="pagerduty", now_ns=time.time_ns() - DAY_NS - 1)

    async with post.delivering(webhook("a", receiver.url)):
        [told] = await post.settled(1)

    assert (told.state, told.words) == ("failed", "there is no such channel any more")
    assert len(post.notes) == 1


async def test_a_pause_that_a_receiver_asked_for_outlives_a_restart(post, receiver):
    receiver.replies.append(Reply(503, "", {"Retry-After": "3600"}))
    post.owe(alert(), to="webhook.a")
    async with post.delivering(webhook("a", receiver.url)):
        await until(lambda: post.told()[0].attempts > 0)

    async with post.delivering(webhook("a", receiver.url)) as alerting:
        assert await alerting._deliveries[0].deliver() > timedelta(minutes=59)

    assert len(receiver.posted) == 1


async def test_pauses_grow_and_are_capped(post, receiver):
    receiver.replies.extend([Reply(500)] * 5)
    post.owe(alert(), to="webhook.a")
    async with post.delivering(webhook("a", receiver.url)) as alerting:
        await post.settled(1)
        delivering, answer = alerting._deliveries[0], await alerting._deliveries[0]._channel.send(alert())

    pauses = [delivering._pause(attempts, answer) / timedelta(milliseconds=1) for attempts in (0, 1, 2, 3, 1000)]
    assert pauses == [10, 20, 40, 40, 40]


async def test_alerting_that_is_off_sends_and_decides_nothing(post, receiver):
    settings = AlertSettings(enabled=False, webhooks=(WebhookSettings("a", receiver.url),))

    async with post.delivering(settings) as alerting:
        changes = alerting.decide([], 0)
        alerting.committed(changes)

    assert not changes
    assert receiver.posted == []
