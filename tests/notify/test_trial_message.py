"""`notify test`: one marked message through each configured sink, what became of it, and nothing that stays behind."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import UTC, datetime

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.cluster_sources.conftest import Faults, Logs
from tests.slack.conftest import slack
from tests.slack.double import BOT, CHANNEL

from gcm_sentinel.app.logs import configure
from gcm_sentinel.app.notify_command import notify_command, trial
from gcm_sentinel.app.settings import load
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.notify.kubernetes_event import message
from sentinel_fleet.kube import Deny, ObjectStore, Rules, kube_app, write_kubeconfig

__all__ = ["slack"]
KEY = "hush" * 8


@pytest.fixture
def notify(monkeypatch, capsys):
    """Run it: its exit code and what it printed, by sink."""
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)
    configure("ERROR")

    async def run(*only, **settings):
        code = await notify_command(load(settings), only)
        printed = capsys.readouterr()
        assert "hush" not in printed.out + printed.err
        rows = [line.split(maxsplit=2) for line in printed.out.splitlines()]
        return int(code), {sink: (mark, words) for mark, sink, words in rows}

    yield run
    structlog.reset_defaults()


def of_slack(slack):
    return {"slack_bot_token": BOT, "slack_channel": CHANNEL, "slack_api_url": f"{slack.url}/api/"}


async def test_every_configured_sink_is_sent_one_message_that_says_it_is_a_test(notify, slack, receiver):
    code, told = await notify(**of_slack(slack), webhook_url=receiver.url, webhook_secret="hush")

    assert (code, {sink: mark for sink, (mark, _) in told.items()}) == (0, {"slack": "ok", "webhook": "ok"})
    (card,) = slack.messages.values()
    assert "TEST: somebody ran `gcm-sentinel notify test`" in card.words
    assert told["slack"][1] == f"posted {card.ts} in the channel {CHANNEL}"
    assert receiver.last["sentinel_result"]["fault_class"] == "test_drill"
    assert "x-gcm-sentinel-signature" in receiver.headers[0]


async def test_pagerduty_is_triggered_and_resolved_under_a_key_of_its_own(notify, receiver):
    runs = [await notify(pagerduty_routing_key=KEY, pagerduty_url=receiver.url) for _ in range(2)]

    sent = [(body["event_action"], body["dedup_key"]) for body in map(json.loads, receiver.bodies)]
    first, second = sent[0][1], sent[2][1]
    assert first.startswith("gcm-sentinel-test-")
    assert first != second
    assert sent == [("trigger", first), ("resolve", first), ("trigger", second), ("resolve", second)]
    assert runs[0] == (0, {"pagerduty": ("ok", f"triggered and resolved the alert {first}")})


async def test_an_alert_that_could_not_be_resolved_is_named_and_fails(notify, receiver):
    receiver.answers = [web.Response(status=202), web.Response(status=500)]

    code, told = await notify(pagerduty_routing_key=KEY, pagerduty_url=receiver.url.replace("hush-hush", "enqueue"))

    assert (code, told["pagerduty"][0]) == (1, "FAIL")
    assert "NOT resolved" in told["pagerduty"][1]
    assert json.loads(receiver.bodies[0])["dedup_key"] in told["pagerduty"][1]


@pytest.mark.parametrize("answers", [(502,), (502, 500)])
async def test_an_alert_whose_trigger_was_not_answered_is_resolved_or_named_all_the_same(notify, receiver, answers):
    receiver.answers = [web.Response(status=status) for status in answers]

    code, told = await notify(pagerduty_routing_key=KEY, pagerduty_url=receiver.url.replace("hush-hush", "enqueue"))

    sent = [json.loads(body) for body in receiver.bodies]
    key = sent[0]["dedup_key"]
    assert [(body["event_action"], body["dedup_key"]) for body in sent] == [("trigger", key), ("resolve", key)]
    assert (code, told["pagerduty"][0]) == (1, "FAIL")
    assert "502" in told["pagerduty"][1]
    assert (f"may stand: {key}" if len(answers) > 1 else f"resolved the alert {key}") in told["pagerduty"][1]


async def test_an_alert_is_resolved_where_somebody_presses_ctrl_c_meanwhile(notify):
    seen, asked = [], asyncio.Event()

    async def enqueue(request):
        seen.append((await request.json())["event_action"])
        if seen == ["trigger"]:
            asked.set()
            await asyncio.Event().wait()
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/enqueue", enqueue)
    async with TestServer(app) as server:
        running = asyncio.ensure_future(
            notify(pagerduty_routing_key=KEY, pagerduty_url=str(server.make_url("/enqueue")))
        )
        await asked.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert seen == ["trigger", "resolve"]


async def test_what_a_server_answered_cannot_move_the_terminal(notify, receiver):
    receiver.answers = [web.Response(status=400, text="\x1b[2K\x1b[1Gok   webhook\nok   slack  posted")]

    _, told = await notify(webhook_url=receiver.url)

    assert list(told) == ["webhook"]
    assert told["webhook"][0] == "FAIL"
    assert "\x1b" not in told["webhook"][1]


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_a_sink_that_fails_says_why_at_once_and_stops_no_other(notify, slack, receiver, status):
    receiver.answers = [web.Response(status=status, text="no")]

    code, told = await notify(**of_slack(slack), webhook_url=receiver.url)

    assert (code, told["slack"][0], told["webhook"][0]) == (1, "ok", "FAIL")
    assert str(status) in told["webhook"][1]
    assert len(receiver.bodies) == 1


async def test_only_the_named_sink_is_tried(notify, slack, receiver):
    code, told = await notify("webhook", **of_slack(slack), webhook_url=receiver.url)

    assert (code, list(told), slack.calls) == (0, ["webhook"], [])


@pytest.mark.parametrize(
    ("only", "words"),
    [
        ((), "no sink for people is configured; set one of GCM_SENTINEL_SLACK_BOT_TOKEN"),
        (("pagerduty",), "--sink pagerduty is not configured; set GCM_SENTINEL_PAGERDUTY_ROUTING_KEY"),
        (("annotations",), "--sink 'annotations' cannot be tested; there are: slack, webhook, pagerduty"),
    ],
)
async def test_what_cannot_be_tried_says_what_to_set(notify, only, words):
    with pytest.raises(BadConfiguration, match=words):
        await notify(*only)


@pytest.mark.parametrize(("rules", "code"), [(Rules(), 0), (Rules(deny=(Deny(resources=("events",)),)), 1)])
async def test_an_event_is_made_where_it_is_asked_for(notify, tmp_path, rules, code):
    store = ObjectStore()
    async with TestServer(kube_app(store, Logs(), Faults(), time.time, rules)) as server:
        config = write_kubeconfig(str(server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")

        given, told = await notify("kubernetes-event", kubeconfig=config)

    assert (given, list(told)) == (code, ["kubernetes-event"])
    assert [item["involvedObject"]["name"] for item in store.list("events")] == ["gcm-sentinel-test"] * (1 - code)


def test_the_message_reads_as_a_test_wherever_only_one_line_is_shown():
    words = message(trial(datetime(2026, 11, 20, tzinfo=UTC), "0a1b2c3d"))

    assert words.startswith("[INFO] TEST: somebody ran `gcm-sentinel notify test`. Nothing is wrong")
    assert "Action: none" in words
