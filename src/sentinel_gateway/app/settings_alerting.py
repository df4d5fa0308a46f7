"""Whom to tell what, and how: the group `alerting` of the settings, and the values it stands for.

Each secret stands in the settings themselves, in the environment (`SENTINEL_GATEWAY__ALERTING__SLACK` and so on take
JSON), or in a file that a second key names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from sentinel_gateway.app.collecting import Tried, all_done
from sentinel_gateway.app.setting_values import FromJson, Seconds
from sentinel_gateway.app.settings_group import Group
from sentinel_gateway.domain.alert_rules import Thresholds
from sentinel_gateway.domain.alert_settings import (
    PAGERDUTY_URL,
    AlertSettings,
    EmailSettings,
    PagerDutySettings,
    RuleChange,
    Security,
    SendingSettings,
    SlackSettings,
    WebhookSettings,
    checked,
)
from sentinel_gateway.domain.alerts import Medium, Severity
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_serving.setting_values import OptionalPath


def _object(value: object) -> object:
    """A JSON object, where the environment gives text."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return {}
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"not a JSON object ({type(error).__name__})") from error


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


_FromJsonObject = BeforeValidator(_object)
SeverityName = Annotated[Literal["INFO", "WARNING", "HIGH", "CRITICAL"], BeforeValidator(_upper)]


class Rule(Group):
    """What differs from the table for one rule."""

    enabled: bool = True
    severity: SeverityName | None = None
    channels: tuple[Medium, ...] | None = None
    cooldown_seconds: Seconds | None = None


class Slack(Group):
    """An incoming webhook; off while it has no URL."""

    enabled: bool = True
    webhook_url: SecretStr = SecretStr("")
    webhook_url_file: OptionalPath = None
    channel: str = ""


class PagerDuty(Group):
    """Events API v2; off while it has no key."""

    enabled: bool = True
    routing_key: SecretStr = SecretStr("")
    routing_key_file: OptionalPath = None
    api_url: str = PAGERDUTY_URL


class Webhook(Group):
    """A receiver of JSON."""

    name: str
    url: SecretStr
    enabled: bool = True
    secret: SecretStr = SecretStr("")
    secret_file: OptionalPath = None
    headers: Mapping[str, SecretStr] = {}


class Email(Group):
    """A mail relay; off while it has no recipients."""

    enabled: bool = True
    host: str = ""
    port: int = 587
    security: Security = Security.STARTTLS
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: OptionalPath = None
    sender: str = ""
    recipients: tuple[str, ...] = ()


class Alerting(Group):
    """Whom to tell what."""

    enabled: bool = True
    """False: nothing is decided and nothing is sent."""
    cluster: Annotated[str, Field(min_length=1, max_length=100)] = "sentinel"
    """Names this fleet in alerts."""
    rate_limit_secs: Annotated[Seconds, Field(le=86400)] = 0
    """A floor under the cool-downs of all rules."""
    max_alerts_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60
    """What is above it is summed up in one message."""
    aggregate_similar: bool = True
    """Tell the same again within the window as one message with a count."""
    aggregate_window_seconds: Annotated[Seconds, Field(le=3600)] = 60
    """How long that window is."""
    rules: Annotated[Mapping[str, Rule], _FromJsonObject] = {}
    """By rule: `enabled`, `severity`, `channels`, `cooldown_seconds`."""
    slack: Annotated[Slack, _FromJsonObject] = Slack()
    """`webhook_url` or `webhook_url_file`, `channel`, `enabled`."""
    pagerduty: Annotated[PagerDuty, _FromJsonObject] = PagerDuty()
    """`routing_key` or `routing_key_file`, `api_url`, `enabled`."""
    email: Annotated[Email, _FromJsonObject] = Email()
    """`host`, `port`, `security`, `username`, `password` or `password_file`, `sender`, `recipients`, `enabled`."""
    webhooks: Annotated[tuple[Webhook, ...], FromJson] = ()
    """Each with `name`, `url`, `secret` or `secret_file`, `headers`, `enabled`."""
    silent_agent_seconds: Annotated[Seconds, Field(gt=0)] = 120
    """An agent that reports nothing for longer is told of."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Of a correlation that is told of."""
    sdc_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001
    """Corruptions per GPU-hour above which the fleet is told of."""
    timeout_seconds: Annotated[Seconds, Field(gt=0, le=120)] = 10
    """For one try."""
    longest_pause_seconds: Annotated[Seconds, Field(ge=1, le=3600)] = 300
    """Between two tries."""
    give_up_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 24
    """An alert that was not delivered by then is given up, which the ledger records."""
    keep_days: Annotated[float, Field(gt=0, le=3650)] = 30
    """How long alerts are listed; longer than `give_up_hours`."""
    ca_file: OptionalPath = None
    """Authorities for HTTPS and mail, instead of the machine's."""
    proxy_url: SecretStr = SecretStr("")
    """For HTTP and HTTPS."""


def alert_settings(group: Alerting) -> AlertSettings:
    """What alerting is told.

    Raises:
        BadConfiguration: a file cannot be read, a secret is given twice, or something cannot work.
    """
    window_s = group.aggregate_window_seconds if group.aggregate_similar else 0
    slack, pagerduty = Tried(lambda: _slack(group.slack)), Tried(lambda: _pagerduty(group.pagerduty))
    email = Tried(lambda: _email(group.email))
    webhooks = [Tried(partial(_webhook, one)) for one in group.webhooks if one.enabled]
    all_done(slack, pagerduty, email, *webhooks)
    return checked(
        AlertSettings(
            enabled=group.enabled,
            cluster=group.cluster,
            rate_limit=timedelta(seconds=group.rate_limit_secs),
            max_alerts_per_minute=group.max_alerts_per_minute,
            aggregate_window=timedelta(seconds=window_s),
            thresholds=Thresholds(
                confidence=group.min_confidence,
                silence=timedelta(seconds=group.silent_agent_seconds),
                sdc_rate=group.sdc_rate,
            ),
            rules={name: _change(rule) for name, rule in group.rules.items()},
            slack=slack.value,
            pagerduty=pagerduty.value,
            webhooks=tuple(one.value for one in webhooks),
            email=email.value,
            sending=_sending(group),
        )
    )


def _change(rule: Rule) -> RuleChange:
    return RuleChange(
        enabled=rule.enabled,
        severity=Severity[rule.severity] if rule.severity else None,
        media=None if rule.channels is None else frozenset(rule.channels),
        cooldown=None if rule.cooldown_seconds is None else timedelta(seconds=rule.cooldown_seconds),
    )


def _slack(slack: Slack) -> SlackSettings | None:
    url = _secret(slack.webhook_url, slack.webhook_url_file, "alerting.slack.webhook_url") if slack.enabled else ""
    return SlackSettings(url, slack.channel) if url else None


def _pagerduty(pagerduty: PagerDuty) -> PagerDutySettings | None:
    if not pagerduty.enabled:
        return None
    key = _secret(pagerduty.routing_key, pagerduty.routing_key_file, "alerting.pagerduty.routing_key")
    return PagerDutySettings(key, pagerduty.api_url) if key else None


def _webhook(one: Webhook) -> WebhookSettings:
    headers = {name: value.get_secret_value() for name, value in one.headers.items()}
    secret = _secret(one.secret, one.secret_file, f"alerting.webhooks {one.name!r}: secret")
    return WebhookSettings(one.name, one.url.get_secret_value(), secret, headers)


def _email(email: Email) -> EmailSettings | None:
    if not email.enabled or not email.recipients:
        return None
    password = _secret(email.password, email.password_file, "alerting.email.password")
    return EmailSettings(
        email.host, email.sender, email.recipients, email.port, email.security, email.username, password
    )


def _sending(group: Alerting) -> SendingSettings:
    return SendingSettings(
        timeout=timedelta(seconds=group.timeout_seconds),
        longest_pause=timedelta(seconds=group.longest_pause_seconds),
        give_up_after=timedelta(hours=group.give_up_hours),
        keep=timedelta(days=group.keep_days),
        ca_file=group.ca_file,
        proxy_url=group.proxy_url.get_secret_value(),
    )


def _secret(value: SecretStr, path: Path | None, setting: str) -> str:
    given = value.get_secret_value()
    if path is None:
        return given
    if given:
        raise BadConfiguration(f"{setting} and {setting}_file are both set: choose one")
    try:
        read = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{setting}_file {str(path)!r} cannot be read: {type(error).__name__}") from error
    if not read:
        raise BadConfiguration(f"{setting}_file {str(path)!r} is empty")
    return read
