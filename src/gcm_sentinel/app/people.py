"""Opens the sinks that reach people directly, Slack and PagerDuty, and the buttons by which they answer.

The Slack SDK is an extra, imported where the settings name a bot and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.modes import Effect, permits
from gcm_sentinel.domain.protocols import Clock, Notifier
from gcm_sentinel.domain.threads import ThreadBook
from gcm_sentinel.notify.pagerduty import PagerDutyNotifier
from gcm_sentinel.notify.retry import RetryPolicy
from gcm_sentinel.notify.slack import POLICY, Place, SlackNotifier, SlackWebhookNotifier
from gcm_sentinel.notify.slack_buttons import SlackButtons

if TYPE_CHECKING:
    from gcm_sentinel.clients.slack import SlackApi
    from gcm_sentinel.clients.slack_socket import SlackSocket

LISTEN_AGAIN_S = 60.0
"""Pause after Slack refused the token; a connection that was lost is opened again at once."""


def people(
    settings: Settings, http: HttpClient, book: ThreadBook, *, policy: RetryPolicy | None = None
) -> Sequence[Notifier]:
    """The sinks of the settings; `policy` in place of how long each tries again.

    Raises:
        BadConfiguration: settings that contradict each other, or the extra `slack` is not installed.
    """
    check(settings)
    sinks: list[Notifier] = []
    if settings.slack_bot_token.get_secret_value():
        place = Place(settings.slack_channel, buttons=takes_decisions(settings))
        sinks.append(SlackNotifier(bot_api(settings), place, book, policy=policy or POLICY))
    if url := settings.slack_webhook_url.get_secret_value():
        sinks.append(SlackWebhookNotifier(http, url, policy=policy or POLICY))
    if key := settings.pagerduty_routing_key.get_secret_value():
        sinks.append(PagerDutyNotifier(http, settings.pagerduty_url, key, book, policy=policy))
    return sinks


def takes_decisions(settings: Settings) -> bool:
    """Whether people decide in Slack: where there is something to decide, and somebody who may."""
    acts = permits(settings.action_mode, Effect.REMEDIATE).allowed
    return acts and bool(settings.slack_app_token.get_secret_value() and settings.slack_approvers)


def open_buttons(settings: Settings, stores: Stores, clock: Clock) -> SlackSocket | None:
    """What listens for clicks; None where nobody decides in Slack.

    Raises:
        BadConfiguration: an approver that is no id, or the extra `slack` is not installed.
    """
    if not takes_decisions(settings):
        return None
    buttons = SlackButtons(stores.approvals, bot_api(settings), settings.slack_approvers, clock, stores.threads)
    from gcm_sentinel.clients.slack_socket import SlackSocket, SocketAccess

    access = SocketAccess(settings.slack_app_token.get_secret_value(), settings.slack_api_url)
    return SlackSocket(access, buttons)


def check(settings: Settings) -> None:
    """Refuse settings that would tell nobody, or let nobody decide.

    Raises:
        BadConfiguration: they do.
    """
    bot = bool(settings.slack_bot_token.get_secret_value())
    app = bool(settings.slack_app_token.get_secret_value())
    for wrong, words in (
        (bot and not settings.slack_channel, "SLACK_BOT_TOKEN needs GCM_SENTINEL_SLACK_CHANNEL"),
        (bot and settings.slack_webhook_url.get_secret_value(), "SLACK_BOT_TOKEN and SLACK_WEBHOOK_URL: set one"),
        (app and not bot, "SLACK_APP_TOKEN needs GCM_SENTINEL_SLACK_BOT_TOKEN"),
        (app and not settings.slack_approvers, "SLACK_APP_TOKEN needs GCM_SENTINEL_SLACK_APPROVERS: who may decide"),
    ):
        if wrong:
            raise BadConfiguration(f"GCM_SENTINEL_{words}")


def bot_api(settings: Settings) -> SlackApi:
    """Slack with the bot's token.

    Raises:
        BadConfiguration: the extra `slack` is not installed.
    """
    return _api(settings, settings.slack_bot_token.get_secret_value())


def app_api(settings: Settings) -> SlackApi:
    """Slack with the app-level token. Raises as `bot_api` does."""
    return _api(settings, settings.slack_app_token.get_secret_value())


def _api(settings: Settings, token: str) -> SlackApi:
    try:
        from gcm_sentinel.clients.slack import SlackApi
    except ModuleNotFoundError as error:
        raise BadConfiguration(
            "GCM_SENTINEL_SLACK_BOT_TOKEN is set, but the Slack SDK is not installed: pip install "
            "'gcm-sentinel[slack]', or use GCM_SENTINEL_SLACK_WEBHOOK_URL"
        ) from error
    return SlackApi(token, base_url=settings.slack_api_url)
