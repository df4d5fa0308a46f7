"""What Slack, PagerDuty and receivers of webhooks get: the shapes they document, signed and with keys."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from tests.sentinel_alerts.made import NOW_NS, alert, gpu
from tests.sentinel_alerts.receivers import Reply
from tests.sentinel_alerts.sending import QUICK

from sentinel_gateway.alerts.channel import Verdict
from sentinel_gateway.alerts.pagerduty import PagerDuty
from sentinel_gateway.alerts.posting import Poster
from sentinel_gateway.alerts.slack import Slack
from sentinel_gateway.alerts.webhook import Webhook
from sentinel_gateway.domain.alert_settings import PagerDutySettings, SlackSettings, WebhookSettings
from sentinel_gateway.domain.alerts import Event, GroupKey, Severity

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def pagerduty(receiver):
    channel = PagerDuty(PagerDutySettings(KEY, f"{receiver.url}/v2/enqueue"), "east", Poster(QUICK))
    yield channel
    await channel.close()


@pytest.fixture
async def slack(receiver):
    channel = Slack(SlackSettings(f"{receiver.url}/services/T/B/x"), Poster(QUICK))
    yield channel
    await channel.close()


@pytest.fixture
async def webhook(receiver):
    settings = WebhookSettings("a", receiver.url, "s3cret", {"Authorization": "Bearer t"})
    channel = Webhook(settings, "east", Poster(QUICK), lambda: NOW_NS)
    yield channel
    await channel.close()


async def test_pagerduty_gets_a_trigger_with_key_and_details(pagerduty, receiver):
    receiver.replies.append(Reply(202, '{"status":"success"}'))

    answer = await pagerduty.send(alert(severity=Severity.HIGH))

    event = json.loads(receiver.posted[0].body)
    assert answer.verdict is Verdict.DELIVERED
    assert receiver.posted[0].path == "/v2/enqueue"
    assert (event["routing_key"], event["event_action"]) == (KEY, "trigger")
    assert event["dedup_key"] == f"sentinel/east/gpu_quarantined/gpu/{gpu().uuid}"
    assert event["payload"]["source"] == "sentinel-correlation-engine:node-1"
    assert (event["payload"]["component"], event["payload"]["group"]) == (gpu().uuid, "node-1")
    assert event["payload"]["class"] == "silent_data_corruption"
    assert event["payload"]["custom_details"]["reason"] == "because"


@pytest.mark.parametrize(
    ("severity", "name"), list(zip(Severity, ("info", "warning", "error", "critical"), strict=True))
)
async def test_pagerduty_gets_its_own_severities(pagerduty, receiver, severity, name):
    await pagerduty.send(alert(severity=severity))

    assert json.loads(receiver.posted[0].body)["payload"]["severity"] == name


async def test_pagerduty_gets_a_resolve_with_the_key_of_the_trigger(pagerduty, receiver):
    await pagerduty.send(alert(1))
    await pagerduty.send(alert(2, event=Event.RESOLVE))

    trigger, resolve = (json.loads(one.body) for one in receiver.posted)
    assert resolve == {"routing_key": KEY, "event_action": "resolve", "dedup_key": trigger["dedup_key"]}


async def test_a_long_group_still_has_a_key_of_its_own(pagerduty, receiver):
    for name in ("a", "b"):
        await pagerduty.send(alert(key=GroupKey("agent_heartbeat_lost", "host/" + "x" * 300 + name)))

    keys = {json.loads(one.body)["dedup_key"] for one in receiver.posted}
    assert len(keys) == 2
    assert all(len(key) <= 255 for key in keys)


async def test_a_routing_key_that_pagerduty_refuses_may_be_mended(pagerduty, receiver):
    receiver.replies.append(Reply(400, f"Length of 'routing_key' is incorrect: {KEY}"))

    answer = await pagerduty.send(alert())

    assert answer.verdict is Verdict.LATER
    assert KEY not in answer.words


@pytest.mark.parametrize(
    ("severity", "colour"),
    list(zip(Severity, ("#2196F3", "#FF9800", "#F44336", "#9C27B0"), strict=True)),
)
async def test_slack_gets_an_attachment_in_the_colour_of_the_severity(slack, receiver, severity, colour):
    await slack.send(alert(severity=severity))

    message = json.loads(receiver.posted[0].body)
    assert message["attachments"][0]["color"] == colour
    assert message["text"] == f"[{severity.name}] gpu_quarantined"


async def test_slack_gets_what_a_person_needs(slack, receiver):
    await slack.send(alert(count=4, held_back=7))

    [headline, details] = json.loads(receiver.posted[0].body)["attachments"][0]["blocks"]
    words = details["text"]["text"]
    assert headline["text"]["text"].startswith(
        f"[HIGH] gpu_quarantined: {gpu().uuid} on node-1: HEALTHY to QUARANTINED"
    )
    assert "time: 2027-01-15T08:00:00.000Z" in words
    assert "count: 4" in words
    assert "held back since the message before: 7" in words
    assert f"alert: {alert().alert_id}" in words


async def test_a_webhook_is_signed_over_exactly_its_body(webhook, receiver):
    await webhook.send(alert())

    [posted] = receiver.posted
    mac = hmac.new(b"s3cret", posted.body, hashlib.sha256).hexdigest()
    assert posted.headers["X-Sentinel-Signature"] == f"sha256={mac}"
    assert hashlib.sha256(b"s3cret" + posted.body).hexdigest() != mac


async def test_a_webhook_can_be_checked_for_its_age(webhook, receiver):
    await webhook.send(alert())

    [posted] = receiver.posted
    timestamp = posted.headers["X-Sentinel-Timestamp"]
    mac = hmac.new(b"s3cret", timestamp.encode() + b"." + posted.body, hashlib.sha256).hexdigest()
    assert posted.headers["X-Sentinel-Timed-Signature"] == f"sha256={mac}"
    assert int(timestamp) == NOW_NS // 10**9


async def test_a_webhook_tells_everything_as_json(webhook, receiver):
    await webhook.send(alert())

    [posted] = receiver.posted
    told = json.loads(posted.body)
    assert (told["alert_id"], told["event"], told["rule"]) == (alert().alert_id, "trigger", "gpu_quarantined")
    assert (told["severity"], told["cluster"], told["hostname"]) == ("HIGH", "east", "node-1")
    assert (told["gpu"]["uuid"], told["facts"], told["evidence"]) == (
        gpu().uuid,
        {"reason": "because"},
        ["run-1", "run-2"],
    )
    assert (posted.headers["Authorization"], posted.headers["Idempotency-Key"]) == ("Bearer t", alert().alert_id)


async def test_a_webhook_without_a_secret_has_no_signature(receiver):
    channel = Webhook(WebhookSettings("a", receiver.url), "east", Poster(QUICK), lambda: NOW_NS)
    await channel.send(alert())
    await channel.close()

    assert "X-Sentinel-Signature" not in receiver.posted[0].headers


async def test_a_redirect_is_not_followed(webhook, receiver):
    receiver.replies.append(Reply(307, "", {"Location": f"{receiver.url}/elsewhere"}))

    answer = await webhook.send(alert())

    assert (answer.verdict, len(receiver.posted)) == (Verdict.LATER, 1)


async def test_a_huge_answer_is_not_read_to_its_end(webhook, receiver):
    receiver.replies.append(Reply(500, "x" * 10_000_000))

    assert len((await webhook.send(alert())).words) < 300
