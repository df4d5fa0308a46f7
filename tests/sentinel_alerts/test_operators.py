"""What operators set and ask: settings from files and environment, the list of alerts, a channel put to the test."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import typer
from tests.sentinel_alerts.made import alert
from tests.sentinel_alerts.receivers import HttpReceiver, Reply
from tests.sentinel_alerts.sending import Post
from typer.testing import CliRunner, Result

from sentinel_gateway.app.alerts_cli import alerts_group
from sentinel_gateway.app.settings_alerting import Alerting, alert_settings
from sentinel_gateway.domain.alert_settings import AlertSettings, PagerDutySettings, SlackSettings
from sentinel_gateway.domain.alerts import DeliveryState, Medium, Severity
from sentinel_gateway.domain.errors import BadConfiguration, Invalid
from sentinel_gateway.storage import alert_rows

KEY = "0123456789abcdef0123456789abcdef"


def run(*arguments: str, settings: AlertSettings | None = None) -> Result:
    group: typer.Typer = alerts_group(lambda _: settings or AlertSettings())
    return CliRunner().invoke(group, arguments, catch_exceptions=False)


def test_the_documented_names_are_taken():
    group = Alerting.model_validate({
        "rate_limit_secs": 10, "max_alerts_per_minute": 5, "aggregate_similar": False,
        "pagerduty": {"enabled": True, "routing_key": KEY, "api_url": "http://127.0.0.1/x"},
        "slack": {"enabled": True, "webhook_url": "https://hooks.example/x", "channel": "#gpu"},
        "webhooks": [{"name": "a", "url": "http://127.0.0.1/y", "enabled": True, "secret": "s", "headers": {"A": "b"}}],
        "rules": {"probe_timeout": {"severity": "high", "channels": ["pagerduty"], "cooldown_seconds": 5}},
    })  # fmt: skip

    made = alert_settings(group)

    change = made.rules["probe_timeout"]
    assert (change.severity, change.media) == (Severity.HIGH, frozenset({Medium.PAGERDUTY}))
    assert list(made.channels) == ["slack", "pagerduty", "webhook.a"]
    assert (made.rate_limit.total_seconds(), made.aggregate_window.total_seconds()) == (10, 0)


def test_the_environment_gives_json():
    group = Alerting.model_validate(
        {"slack": '{"webhook_url": "https://x.example/SECRET"}', "rules": "", "webhooks": ""}
    )

    assert alert_settings(group).slack == SlackSettings("https://x.example/SECRET")


def test_secrets_come_from_files(tmp_path: Path):
    (tmp_path / "key").write_text(f"{KEY}\n")
    group = Alerting.model_validate({"pagerduty": {"routing_key_file": str(tmp_path / "key")}})

    assert alert_settings(group).pagerduty == PagerDutySettings(KEY)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"routing_key": KEY, "routing_key_file": "/nowhere"}, "both set"),
        ({"routing_key_file": "/nowhere"}, "cannot be read"),
    ],
)
def test_a_secret_that_cannot_be_had_is_named_without_it(given, words):
    with pytest.raises(BadConfiguration, match=words) as caught:
        alert_settings(Alerting.model_validate({"pagerduty": given}))

    assert KEY not in str(caught.value)


def test_shown_settings_hide_their_secrets():
    group = Alerting.model_validate({
        "slack": {"webhook_url": "https://SECRET"}, "pagerduty": {"routing_key": "SECRET"},
        "email": {"password": "SECRET"},
        "webhooks": [{"name": "a", "url": "http://SECRET", "secret": "SECRET", "headers": {"A": "SECRET"}}],
        "proxy_url": "http://SECRET",
    })  # fmt: skip

    assert "SECRET" not in group.model_dump_json() + repr(group)


def test_the_list_says_what_was_told_and_what_became_of_it(database, tmp_path):
    post = Post(database)
    post.owe(alert(), to="slack")
    with database.writing() as connection:
        [owed] = alert_rows.owed(connection, "slack", 1)
        alert_rows.finish(connection, owed, DeliveryState.FAILED, "404 no_service", 0)

    url = f"sqlite:///{tmp_path}/gateway.db"
    text, lines = run("list", "--database", url), run("list", "--database", url, "--json")

    assert "[HIGH] gpu_quarantined" in text.output
    assert "slack failed (404 no_service)" in text.output
    assert json.loads(lines.output)["told"][0]["state"] == "failed"


async def test_a_channel_can_be_put_to_the_test(receiver: HttpReceiver):
    good = AlertSettings(slack=SlackSettings(receiver.url))
    receiver.replies.extend([Reply(), Reply(404, "no_service")])

    first, second = [await asyncio.to_thread(run, "test", "slack", settings=good) for _ in range(2)]

    assert (first.exit_code, first.output) == (0, "slack: delivered: 200 ok\n")
    assert (second.exit_code, second.output) == (1, "slack: later: 404 no_service\n")


async def test_a_test_of_pagerduty_leaves_no_incident_open(receiver: HttpReceiver):
    settings = AlertSettings(pagerduty=PagerDutySettings(KEY, receiver.url))

    await asyncio.to_thread(run, "test", "pagerduty", settings=settings)

    assert [json.loads(one.body)["event_action"] for one in receiver.posted] == ["trigger", "resolve"]


def test_a_channel_that_is_not_configured_is_named():
    with pytest.raises(Invalid, match="there is no channel 'pager'; configured are none"):
        run("test", "pager")
