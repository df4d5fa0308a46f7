"""What can be set about alerts, and that mistakes are told without their secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sentinel_gateway.domain.alert_settings import (
    AlertSettings,
    EmailSettings,
    PagerDutySettings,
    RuleChange,
    Security,
    SlackSettings,
    WebhookSettings,
    checked,
)
from sentinel_gateway.domain.errors import BadConfiguration

MAIL = EmailSettings("relay", "a@example.com", ("b@example.com",))
GOOD = AlertSettings(
    slack=SlackSettings("https://hooks.slack.com/services/SECRET"),
    pagerduty=PagerDutySettings("SECRET7890SECRET7890SECRET789012"),
    webhooks=(WebhookSettings("one", "https://x.example/SECRET", "SECRET", {"Authorization": "SECRET"}),),
    email=replace(MAIL, username="u", password="SECRET"),
)
BAD = {
    "no_such_rule": AlertSettings(rules={"no_such_rule": RuleChange()}),
    "cooldown_seconds": AlertSettings(rules={"probe_timeout": RuleChange(cooldown=timedelta(days=2))}),
    "slack.webhook_url": AlertSettings(slack=SlackSettings("hooks.slack.com/SECRET")),
    "routing_key": AlertSettings(pagerduty=PagerDutySettings("SECRET key")),
    "api_url": AlertSettings(pagerduty=PagerDutySettings("x" * 32, "ftp://SECRET")),
    "same name": AlertSettings(webhooks=(GOOD.webhooks[0], GOOD.webhooks[0])),
    r"webhooks\[0\].name": AlertSettings(webhooks=(WebhookSettings("a b", "http://x"),)),
    r"webhooks\[0\].url": AlertSettings(webhooks=(WebhookSettings("a", "SECRET"),)),
    "cannot be set": AlertSettings(
        webhooks=(WebhookSettings("a", "http://x", "", {"X-Sentinel-Signature": "SECRET"}),)
    ),
    "no header may have": AlertSettings(webhooks=(WebhookSettings("a", "http://x", "", {"A": "SECRET\r\nB: c"}),)),
    "is not an address": AlertSettings(email=replace(MAIL, recipients=("a@b\r\nBcc: c@d",))),
    "recipients is empty": AlertSettings(email=replace(MAIL, recipients=())),
    "without TLS": AlertSettings(email=replace(MAIL, security=Security.NONE, username="u", password="SECRET")),
    "needed together": AlertSettings(email=replace(MAIL, password="SECRET")),
    "max_alerts_per_minute": AlertSettings(max_alerts_per_minute=0),
}


def test_good_settings_name_their_channels():
    assert list(checked(GOOD).channels) == ["slack", "pagerduty", "email", "webhook.one"]


@pytest.mark.parametrize("words", BAD)
def test_a_mistake_is_named_without_its_secret(words):
    with pytest.raises(BadConfiguration, match=words) as caught:
        checked(BAD[words])

    assert "SECRET" not in str(caught.value)


def test_no_secret_stands_in_a_repr():
    assert "SECRET" not in repr(GOOD)


def test_nothing_needs_to_be_set():
    assert checked(AlertSettings()).channels == {}
