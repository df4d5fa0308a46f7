"""What an operator can set about alerts, with the reference's defaults. Secrets stand in no `repr`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sentinel_gateway.domain.alert_rules import AlertRule, Thresholds, default_rules
from sentinel_gateway.domain.alerts import Medium, Severity
from sentinel_gateway.domain.errors import BadConfiguration

LONGEST_COOLDOWN = timedelta(hours=24)
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_ADDRESS = re.compile(r"[^@\s<>,;\"\x00-\x1f]{1,64}@[^@\s<>,;\"\x00-\x1f]{1,255}")
_OURS = ("content-", "x-sentinel-", "idempotency-key", "host", "user-agent", "transfer-encoding", "connection")


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What differs from the table for one rule; None leaves it."""

    enabled: bool = True
    severity: Severity | None = None
    media: frozenset[Medium] | None = None
    cooldown: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """An incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""

    webhook_url: str = field(repr=False)
    channel: str = ""
    """Only old webhooks heed it; those of apps have their own."""


@dataclass(frozen=True, slots=True)
class PagerDutySettings:
    """An integration of type Events API v2."""

    routing_key: str = field(repr=False)
    api_url: str = PAGERDUTY_URL


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """A receiver of JSON."""

    name: str
    """Letters, digits, ``_`` and ``-``; the channel is then called ``webhook.NAME``."""
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    """Signs every message; empty for none."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Security(StrEnum):
    """How mail is protected on its way to the relay."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """For a relay on this machine; no password is ever sent so."""


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """A mail relay."""

    host: str
    sender: str
    recipients: tuple[str, ...]
    port: int = 587
    security: Security = Security.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SendingSettings:
    """How alerts are delivered."""

    timeout: timedelta = timedelta(seconds=10)
    """For one try, from connecting to the answer."""
    first_pause: timedelta = timedelta(seconds=1)
    """After a try that failed; doubled each time, and never shorter than a Retry-After."""
    longest_pause: timedelta = timedelta(minutes=5)
    """A longer Retry-After is heeded up to an hour."""
    give_up_after: timedelta = timedelta(hours=24)
    keep: timedelta = timedelta(days=30)
    """How long alerts that were delivered or given up are listed."""
    ca_file: Path | None = None
    """Authorities for HTTPS and SMTP, instead of the machine's."""
    proxy_url: str = field(default="", repr=False)
    """For HTTP(S); empty for none. The environment's proxy variables are not read."""


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """All of it."""

    enabled: bool = True
    cluster: str = "sentinel"
    """Names this fleet in alerts, and keeps the incidents of two fleets apart that share a routing key."""
    rate_limit: timedelta = timedelta(0)
    """No two messages of one rule about the same thing come closer than this, whatever the rule's cool-down."""
    max_alerts_per_minute: int = 60
    """What comes above it is summed up in one message when the minute is over."""
    aggregate_window: timedelta = timedelta(seconds=60)
    """The same again within this time after a message is one message with a count when it ends; 0 for off."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    rules: Mapping[str, RuleChange] = field(default_factory=dict)
    slack: SlackSettings | None = None
    pagerduty: PagerDutySettings | None = None
    webhooks: tuple[WebhookSettings, ...] = ()
    email: EmailSettings | None = None
    sending: SendingSettings = field(default_factory=SendingSettings)

    @property
    def channels(self) -> dict[str, Medium]:
        """The channels there are, by name."""
        single = {Medium.SLACK: self.slack, Medium.PAGERDUTY: self.pagerduty, Medium.EMAIL: self.email}
        named = {medium.value: medium for medium, settings in single.items() if settings is not None}
        return named | {f"{Medium.WEBHOOK}.{one.name}": Medium.WEBHOOK for one in self.webhooks}


def rules_of(settings: AlertSettings) -> tuple[AlertRule, ...]:
    """The rules in force.

    Raises:
        BadConfiguration: a rule is changed that does not exist.
    """
    table = default_rules(settings.thresholds)
    names = {rule.name for rule in table}
    if unknown := sorted(set(settings.rules) - names):
        words = ", ".join(map(repr, unknown))
        raise BadConfiguration(f"alerting.rules: there is no rule {words}; the rules are {', '.join(sorted(names))}")
    changed = ((rule, settings.rules.get(rule.name, RuleChange())) for rule in table)
    return tuple(_changed(rule, change) for rule, change in changed if change.enabled)


def _changed(rule: AlertRule, change: RuleChange) -> AlertRule:
    return replace(
        rule,
        severity=rule.severity if change.severity is None else change.severity,
        media=rule.media if change.media is None else change.media,
        cooldown=rule.cooldown if change.cooldown is None else change.cooldown,
    )


def checked(settings: AlertSettings) -> AlertSettings:
    """`settings`, where they can work.

    Raises:
        BadConfiguration: names all that cannot, without a secret.
    """
    rules_of(settings)
    if faults := list(_faults(settings)):
        raise BadConfiguration("; ".join(faults))
    return settings


def _faults(settings: AlertSettings) -> Iterator[str]:
    for name, change in settings.rules.items():
        if change.cooldown is not None and not timedelta(0) <= change.cooldown <= LONGEST_COOLDOWN:
            yield f"alerting.rules.{name}.cooldown_seconds: from 0 to {LONGEST_COOLDOWN.total_seconds():g}"
    if settings.max_alerts_per_minute < 1:
        yield "alerting.max_alerts_per_minute: at least 1"
    if settings.slack and not _is_url(settings.slack.webhook_url):
        yield "alerting.slack.webhook_url is not an http(s) URL"
    if settings.pagerduty and not _is_url(settings.pagerduty.api_url):
        yield "alerting.pagerduty.api_url is not an http(s) URL"
    if settings.pagerduty and not re.fullmatch(r"[0-9A-Za-z]{8,64}", settings.pagerduty.routing_key):
        yield "alerting.pagerduty.routing_key: expected the 32 letters and digits of an Events API v2 integration"
    yield from _webhook_faults(settings.webhooks)
    if settings.email:
        yield from _email_faults(settings.email)


def _webhook_faults(webhooks: tuple[WebhookSettings, ...]) -> Iterator[str]:
    names = [one.name for one in webhooks]
    if len(set(names)) != len(names):
        yield "alerting.webhooks: two have the same name"
    for place, one in enumerate(webhooks):
        where = f"alerting.webhooks[{place}]"
        if not _NAME.fullmatch(one.name):
            yield f"{where}.name: letters, digits, _ and -"
        if not _is_url(one.url):
            yield f"{where}.url is not an http(s) URL"
        for header, value in one.headers.items():
            if not _HEADER.fullmatch(header) or header.lower().startswith(_OURS):
                yield f"{where}.headers: {header[:50]!r} cannot be set"
            elif not value.isascii() or not value.isprintable():
                yield f"{where}.headers: the value of {header!r} has characters that no header may have"


def _email_faults(email: EmailSettings) -> Iterator[str]:
    if not email.host or not 1 <= email.port <= 65535:
        yield "alerting.email: host and port of a mail relay are needed"
    if not email.recipients:
        yield "alerting.email.recipients is empty"
    for address in (email.sender, *email.recipients):
        if not _ADDRESS.fullmatch(address):
            yield f"alerting.email: {address[:100]!r} is not an address such as gpu-team@example.com"
    if email.security is Security.NONE and (email.username or email.password):
        yield "alerting.email: a password is not sent without TLS; set security to starttls or tls"
    if bool(email.username) != bool(email.password):
        yield "alerting.email: username and password are needed together"


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
