"""The channels that settings describe."""

from __future__ import annotations

from collections.abc import Callable

from sentinel_gateway.alerts.channel import Channel
from sentinel_gateway.alerts.mail import Email
from sentinel_gateway.alerts.pagerduty import PagerDuty
from sentinel_gateway.alerts.posting import Poster, tls_of
from sentinel_gateway.alerts.slack import Slack
from sentinel_gateway.alerts.webhook import Webhook
from sentinel_gateway.domain.alert_settings import AlertSettings, checked


def channels_of(settings: AlertSettings, now_ns: Callable[[], int]) -> tuple[Channel, ...]:
    """One for each; nothing is connected yet.

    Raises:
        BadConfiguration: settings that cannot work.
    """
    checked(settings)
    sending = settings.sending
    tls_of(sending)
    channels: list[Channel] = []
    if settings.slack:
        channels.append(Slack(settings.slack, Poster(sending)))
    if settings.pagerduty:
        channels.append(PagerDuty(settings.pagerduty, settings.cluster, Poster(sending)))
    if settings.email:
        channels.append(Email(settings.email, sending))
    channels += [Webhook(one, settings.cluster, Poster(sending), now_ns) for one in settings.webhooks]
    return tuple(channels)
