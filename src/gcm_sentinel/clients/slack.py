"""Slack's Web API by its official SDK: post, change, whisper, look. None imports the SDK but this and slack_socket.py.

The SDK's own retries are off, because whoever owes a delivery tries again. What it reports is mapped by the table
below: https://docs.slack.dev/reference/methods/chat.postMessage#errors. Its debug log would hold whole messages; what
it warns of goes to our log.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from gcm_sentinel.domain.errors import (
    Forbidden,
    NotFound,
    Overloaded,
    Rejected,
    SentinelError,
    Unauthenticated,
    Unreachable,
)
from gcm_sentinel.domain.jsontypes import JsonObject

log = structlog.get_logger(__name__)

_TIMEOUT = timedelta(seconds=10)
_TICKET = re.compile(r"([?&]ticket=)[^&'\"\s)]+")
_TOO_MANY = 429
_SERVER_ERROR = 500

_BY_WORD: dict[str, type[SentinelError]] = {
    "ratelimited": Overloaded,
    "rate_limited": Overloaded,
    "message_limit_exceeded": Overloaded,
    "internal_error": Unreachable,
    "fatal_error": Unreachable,
    "request_timeout": Unreachable,
    "service_unavailable": Unreachable,
    "team_added_to_org": Unreachable,
    "not_authed": Unauthenticated,
    "invalid_auth": Unauthenticated,
    "token_expired": Unauthenticated,
    "token_revoked": Unauthenticated,
    "account_inactive": Unauthenticated,
    "missing_scope": Forbidden,
    "not_allowed_token_type": Forbidden,
    "access_denied": Forbidden,
    "no_permission": Forbidden,
    "not_in_channel": Forbidden,
    "restricted_action": Forbidden,
    "is_archived": Forbidden,
    "channel_not_found": NotFound,
    "message_not_found": NotFound,
    "thread_not_found": NotFound,
    "cannot_reply_to_message": NotFound,
    "cant_update_message": NotFound,
    "edit_window_closed": NotFound,
    "user_not_in_channel": NotFound,
}
"""What Slack says to what we call it; every other word is a request that was refused."""


@dataclass(frozen=True, slots=True)
class Bot:
    """Whose token it is."""

    team: str
    user: str
    scopes: frozenset[str] | None
    """What the app may do; None where Slack did not say."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as the bot sees it."""

    name: str
    member: bool
    private: bool
    archived: bool


class SlackApi:
    """The methods we use, for one token."""

    def __init__(self, token: str, *, base_url: str, timeout: timedelta = _TIMEOUT) -> None:
        """`base_url` is ``https://slack.com/api/`` or that of another Slack."""
        self._timeout = timeout
        self._client = AsyncWebClient(
            token=token,
            base_url=base_url,
            timeout=int(timeout.total_seconds()),
            retry_handlers=[],
            logger=sdk_logger(),
        )

    async def post(
        self, channel: str, text: str, blocks: Sequence[JsonObject], *, thread: str = "", loud: bool = False
    ) -> tuple[str, str]:
        """Post a message, into `thread` (the ``ts`` of its first message) where that is given.

        `loud` shows a reply in the channel as well. Answers the channel's id, whatever it was called by, and the
        message's ``ts``.

        Raises:
            SentinelError: as the table says.
        """
        body = {"channel": channel, "text": text, "blocks": list(blocks), "unfurl_links": False, "unfurl_media": False}
        reply = {"thread_ts": thread, "reply_broadcast": loud} if thread else {}
        answer = await self._call("chat.postMessage", {**body, **reply})
        return str(answer.get("channel", channel)), str(answer.get("ts", ""))

    async def change(self, channel: str, ts: str, text: str, blocks: Sequence[JsonObject]) -> None:
        """Put other words in the place of a message.

        Raises:
            NotFound: it is gone, or cannot be changed any more.
            SentinelError: as the table says.
        """
        await self._call("chat.update", {"channel": channel, "ts": ts, "text": text, "blocks": list(blocks)})

    async def whisper(self, channel: str, user: str, text: str, *, thread: str = "") -> None:
        """Tell one user something in a channel that nobody else sees.

        Raises:
            SentinelError: as the table says.
        """
        body = {"channel": channel, "user": user, "text": text}
        await self._call("chat.postEphemeral", {**body, **({"thread_ts": thread} if thread else {})})

    async def whose(self) -> Bot:
        """Whose token this is, and its scopes, which Slack names in a header of every answer.

        Raises:
            SentinelError: as the table says.
        """
        answer = await self._ask("auth.test")
        data, given = _data(answer), _headers(answer).get("x-oauth-scopes")
        scopes = None if given is None else frozenset(item.strip() for item in str(given).split(",") if item.strip())
        return Bot(str(data.get("team", "")), str(data.get("user", "")), scopes)

    async def channel(self, channel_id: str) -> Channel:
        """What the bot sees of a channel; it needs ``channels:read``, for a private one ``groups:read``.

        Raises:
            Forbidden: the scope is missing.
            NotFound: there is none of that id, or a private one that the bot is not in.
            SentinelError: as the table says.
        """
        answer = await self._ask("conversations.info", params={"channel": channel_id})
        found = _data(answer).get("channel")
        seen: dict[str, Any] = found if isinstance(found, dict) else {}
        private, archived = bool(seen.get("is_private")), bool(seen.get("is_archived"))
        return Channel(str(seen.get("name", "")), bool(seen.get("is_member")), private, archived)

    async def may_listen(self) -> None:
        """Nothing, if the token is an app's that may open Socket Mode; the address that is given stays unused.

        Raises:
            SentinelError: as the table says.
        """
        await self._ask("apps.connections.open")

    async def _call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        return _data(await self._ask(method, body=body))

    async def _ask(
        self, method: str, *, body: dict[str, Any] | None = None, params: dict[str, Any] | None = None
    ) -> AsyncSlackResponse:
        """One call; those that look take their arguments by `params`, for Slack reads no JSON there."""
        verb = "POST" if params is None else "GET"
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._client.api_call(method, http_verb=verb, json=body, params=params)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise mapped(method, error) from error


def _data(answer: AsyncSlackResponse) -> dict[str, Any]:
    return answer.data if isinstance(answer.data, dict) else {}


def mapped(method: str, error: Exception) -> SentinelError:
    """A failure of the SDK in our words."""
    if not isinstance(error, SlackApiError):
        named = isinstance(error, aiohttp.ClientConnectorError)  # others may name an address with a ticket in it
        return Unreachable(f"Slack {method}: {error if named else type(error).__name__}")
    response = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    data = getattr(response, "data", None)
    word = str(data.get("error", "")) if isinstance(data, dict) else ""
    words = f"Slack {method}: {word or f'status {status}'}" + _needed(data)
    if status == _TOO_MANY or _BY_WORD.get(word) is Overloaded:
        return Overloaded(words, retry_after_s=_retry_after_s(response))
    if status >= _SERVER_ERROR or (not word and not isinstance(data, dict)):
        return Unreachable(words)
    return _BY_WORD.get(word, Rejected)(words)


def _needed(data: object) -> str:
    """Which permission is missing, where Slack names it."""
    needed = data.get("needed") if isinstance(data, dict) else None
    return f" (the app needs {needed})" if needed else ""


def _retry_after_s(response: object) -> float | None:
    wish = str(_headers(response).get("retry-after", ""))
    return float(wish) if wish.isdigit() else None


def _headers(response: object) -> dict[str, Any]:
    """By their lower-case names."""
    return {str(name).lower(): value for name, value in dict(getattr(response, "headers", {})).items()}


def sdk_logger() -> logging.Logger:
    """A logger of its own for the SDK, so that it neither floods a root logger nor prints by itself."""
    logger = logging.Logger("slack_sdk", level=logging.WARNING)  # noqa: LOG001  not one that a root logger hears
    logger.addHandler(_ToOurLog())
    return logger


class _ToOurLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.warning("slack.sdk", words=_TICKET.sub(r"\1…", record.getMessage())[:500])
