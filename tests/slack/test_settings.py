"""Settings for Slack and PagerDuty that would tell nobody, or let nobody decide, end the start with what to do."""

from __future__ import annotations

import os

import pytest

from gcm_sentinel.app.people import open_buttons, people, takes_decisions
from gcm_sentinel.app.settings import load
from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.storage.memory import MemoryThreads

BOT = {"slack_bot_token": "xoxb-1", "slack_channel": "C1A"}
BUTTONS = {**BOT, "slack_app_token": "xapp-1", "slack_approvers": "U1A,C2B"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)


def names(**settings: str) -> list[str]:
    """The sinks of some settings."""
    return [sink.name for sink in people(load(settings), HttpClient(), MemoryThreads())]


@pytest.mark.parametrize(
    ("settings", "sinks"),
    [
        ({}, []),
        (BOT, ["slack"]),
        ({"slack_webhook_url": "https://hooks.slack.com/services/T/B/x"}, ["slack"]),
        ({**BOT, "pagerduty_routing_key": "R1"}, ["slack", "pagerduty"]),
    ],
)
def test_what_is_set_is_told(settings, sinks):
    assert names(**settings) == sinks


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"slack_bot_token": "xoxb-1"}, "needs GCM_SENTINEL_SLACK_CHANNEL"),
        ({**BOT, "slack_webhook_url": "https://hooks.slack.com/x"}, "set one"),
        ({"slack_app_token": "xapp-1"}, "needs GCM_SENTINEL_SLACK_BOT_TOKEN"),
        ({**BOT, "slack_app_token": "xapp-1"}, "GCM_SENTINEL_SLACK_APPROVERS"),
        ({"slack_webhook_url": "hooks.slack.com/x"}, "GCM_SENTINEL_SLACK_WEBHOOK_URL"),
    ],
)
def test_what_contradicts_itself_says_what_to_set(settings, words):
    with pytest.raises(BadConfiguration, match=words):
        names(**settings)


@pytest.mark.parametrize("mode", ["recommend", "annotate"])
def test_an_observing_mode_takes_no_decisions(mode):
    settings = load({**BUTTONS, "action_mode": mode})

    assert not takes_decisions(settings)
    assert open_buttons(settings, None, None) is None  # type: ignore[arg-type]


def test_an_acting_mode_does():
    assert takes_decisions(load({**BUTTONS, "action_mode": "approve"}))


@pytest.mark.parametrize("name", ["slack_bot_token", "slack_app_token", "slack_webhook_url", "pagerduty_routing_key"])
def test_no_secret_is_shown(name):
    assert "hush" not in repr(load({name: "hush-hush"}))
