"""What `doctor` says of Slack: whose the tokens are, what they may do, whether the bot is in its channel, who decides.

Nothing is posted. Scopes stand in the header of an answer; the channel is looked at where a scope allows it, else it is
said that it was not. Tokens of the wrong kind are told by their beginning and never sent: the two are easily swapped.
No token is part of a finding.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from gcm_sentinel.app.doctor_finding import Finding
from gcm_sentinel.app.people import app_api, bot_api, takes_decisions
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.errors import Forbidden, NotFound, Retryable, SentinelError
from gcm_sentinel.notify.slack_buttons import no_ids

if TYPE_CHECKING:
    from gcm_sentinel.clients.slack import Bot, Channel

AREA = "people"
_BOT, _CHANNEL, _APP, _APPROVERS = "slack bot", "slack channel", "slack app", "slack approvers"
_POSTS, _POSTS_ANYWHERE = "chat:write", "chat:write.public"
_SEES_PUBLIC, _SEES_PRIVATE = "channels:read", "groups:read"
_ID = re.compile(r"[CG][A-Z0-9]{2,30}")
_SHOWN_CHARACTERS = 31
"""No id is longer; of what is, a token perhaps, only the beginning is shown."""
_KINDS = {
    "xoxb-": "a bot's token",
    "xapp-": "an app-level token",
    "xoxp-": "a user's token",
    "xoxe.": "a token that rotates: turn token rotation off, and install the app again",
    "https:": "an address",
}
_REINSTALL = "then install the app again (api.slack.com/apps > OAuth & Permissions)"


async def examine_slack(settings: Settings) -> tuple[Finding, ...]:
    """Look at everything that is configured of a bot, once; nothing where there is none."""
    if not settings.slack_bot_token.get_secret_value():
        return ()
    async with asyncio.TaskGroup() as group:
        bot = group.create_task(_of_bot(settings))
        app = group.create_task(_of_app(settings))
    return (*bot.result(), *app.result(), *_of_approvers(settings))


async def _of_bot(settings: Settings) -> tuple[Finding, ...]:
    setting = "GCM_SENTINEL_SLACK_BOT_TOKEN"
    if wrong := _wrong_kind(settings.slack_bot_token.get_secret_value(), "xoxb-"):
        return (
            _broken(_BOT, f"{setting} is {wrong}", "take the Bot User OAuth Token (xoxb-…) of OAuth & Permissions"),
        )
    api = bot_api(settings)
    try:
        bot = await api.whose()
    except SentinelError as error:
        remedy = f"take {setting} anew from api.slack.com/apps > OAuth & Permissions"
        return (_refused(_BOT, error, remedy, settings),)
    found = _bot(bot)
    if not _ID.fullmatch(settings.slack_channel):
        return (found, _named(settings.slack_channel))
    try:
        channel = await api.channel(settings.slack_channel)
    except SentinelError as error:
        return (found, _unseen(error, bot, settings))
    return (found, _channel(channel, bot, settings.slack_channel))


def _bot(bot: Bot) -> Finding:
    who = f"@{bot.user} of {bot.team}"
    if bot.scopes is None:
        return _fine(_BOT, f"{who}; Slack did not say which scopes it has")
    scopes = ", ".join(sorted(bot.scopes)) or "none"
    if _POSTS not in bot.scopes:
        return _broken(_BOT, f"{who} may not post; its scopes: {scopes}", f"add the scope {_POSTS}, {_REINSTALL}")
    return _fine(_BOT, f"{who}; its scopes: {scopes}")


def _named(channel: str) -> Finding:
    remedy = "set GCM_SENTINEL_SLACK_CHANNEL to the channel's id (C…; below its details): a name may change"
    return Finding(AREA, _CHANNEL, ok=False, detail=f"not looked at: {_shown(channel)} is a name", remedy=remedy)


def _unseen(error: SentinelError, bot: Bot, settings: Settings) -> Finding:
    """Why the channel could not be seen: it is not there for the bot, or the bot has no scope to look."""
    channel, scopes = settings.slack_channel, bot.scopes or frozenset()
    invite = f"check GCM_SENTINEL_SLACK_CHANNEL, and write `/invite @{bot.user}` in that channel"
    if isinstance(error, NotFound) and _SEES_PRIVATE in scopes:
        return _broken(_CHANNEL, f"no channel {channel} that @{bot.user} is in: {error}", invite)
    if isinstance(error, Forbidden | NotFound):
        detail = f"whether @{bot.user} is in {channel} was not seen: {error}"
        remedy = f"add {_SEES_PUBLIC} (for a private channel {_SEES_PRIVATE}), or try `gcm-sentinel notify test`"
        return Finding(AREA, _CHANNEL, ok=False, detail=detail, remedy=remedy)
    return _refused(_CHANNEL, error, invite, settings)


def _channel(channel: Channel, bot: Bot, channel_id: str) -> Finding:
    name = f"#{channel.name} ({channel_id})"
    if channel.archived:
        return _broken(_CHANNEL, f"{name} is archived", "name another in GCM_SENTINEL_SLACK_CHANNEL, or unarchive it")
    if channel.member:
        return _fine(_CHANNEL, f"@{bot.user} is in {name}")
    if not channel.private and _POSTS_ANYWHERE in (bot.scopes or ()):
        return _fine(_CHANNEL, f"@{bot.user} is not in {name}, and may post there by {_POSTS_ANYWHERE}")
    return _broken(_CHANNEL, f"@{bot.user} is not in {name}", f"write `/invite @{bot.user}` in that channel")


async def _of_app(settings: Settings) -> tuple[Finding, ...]:
    setting, token = "GCM_SENTINEL_SLACK_APP_TOKEN", settings.slack_app_token.get_secret_value()
    if not token:
        return ()
    remedy = "take an app-level token (xapp-…) with connections:write from Basic Information, and turn Socket Mode on"
    if wrong := _wrong_kind(token, "xapp-"):
        return (_broken(_APP, f"{setting} is {wrong}", remedy),)
    try:
        await app_api(settings).may_listen()
    except SentinelError as error:
        return (_refused(_APP, error, f"{remedy}; then set {setting}", settings),)
    used = "" if takes_decisions(settings) else f"; mode {settings.action_mode} takes no decisions"
    return (_fine(_APP, f"Socket Mode may be opened{used}"),)


def _of_approvers(settings: Settings) -> tuple[Finding, ...]:
    """Who may decide; each that is no id makes a line, for `serve` refuses to start with one."""
    if wrong := no_ids(settings.slack_approvers):
        remedy = (
            "write ids: a person's by `Copy member ID` in the profile (U…, W…), a channel's of its details (C…, G…)"
        )
        words = "in GCM_SENTINEL_SLACK_APPROVERS is no id of a user or channel"
        return tuple(_broken(_APPROVERS, f"{_shown(name)} {words}", remedy) for name in wrong)
    if not settings.slack_approvers:
        return ()
    channels = [name for name in settings.slack_approvers if name.startswith(("C", "G"))]
    users = len(settings.slack_approvers) - len(channels)
    everybody = f", and everybody in {', '.join(channels)}" if channels else ""
    return (
        _fine(_APPROVERS, f"{users} user{'' if users == 1 else 's'}{everybody} may decide; ids by their shape only"),
    )


def _wrong_kind(token: str, begins: str) -> str:
    """What a token is instead; empty where it is of the kind wanted. The token itself is never named."""
    if token != token.strip() or any(char.isspace() for char in token):
        return "a token with white space in it"
    if token.startswith(begins) and len(token) > len(begins):
        return ""
    return next(
        (kind for start, kind in _KINDS.items() if token.startswith(start)), f"nothing that begins with {begins}"
    )


def _shown(value: str) -> str:
    return repr(value) if len(value) <= _SHOWN_CHARACTERS else f"{value[:4]!r}… ({len(value)} characters)"


def _refused(name: str, error: SentinelError, remedy: str, settings: Settings) -> Finding:
    """What Slack said; where it said nothing the way to it is what to look at."""
    away = f"let the agent reach {settings.slack_api_url}, and try again"
    return _broken(name, str(error), away if isinstance(error, Retryable) else remedy)


def _fine(name: str, detail: str) -> Finding:
    return Finding(AREA, name, ok=True, detail=detail)


def _broken(name: str, detail: str, remedy: str) -> Finding:
    return Finding(AREA, name, ok=False, broken=True, detail=detail, remedy=remedy)
