"""Posting JSON over HTTP, once: a deadline over everything, no redirects, little of the answer read, no URL in words.

URLs of webhooks are secrets themselves, so what is said of a failure names the channel and never its address.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from sentinel_gateway.alerts.channel import Answer, Verdict
from sentinel_gateway.alerts.wording import plain
from sentinel_gateway.domain.alert_settings import SendingSettings
from sentinel_gateway.domain.errors import BadConfiguration

MOST_ASKED_FOR = timedelta(hours=1)
"""A longer Retry-After is not heeded: alerts are old by then."""
_MAX_ANSWER_BYTES = 4096
_REFUSES_THE_MESSAGE = frozenset({400, 413, 415, 422})
_WORDS_MAX = 200


class Poster:
    """See the module. One for each channel, so that none waits for another's connections."""

    def __init__(self, settings: SendingSettings) -> None:
        self._settings = settings
        self._client: httpx2.AsyncClient | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post `body` once."""
        seconds = self._settings.timeout.total_seconds()
        sent = {"Content-Type": "application/json; charset=utf-8", **headers}
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(url, body, sent)
        except TimeoutError:
            return Answer(Verdict.LATER, f"no answer within {seconds:g} s")
        except httpx2.InvalidURL:
            return Answer(Verdict.LATER, "its URL cannot be used")
        except httpx2.HTTPError as error:
            return Answer(Verdict.LATER, _words_of(error))

    async def close(self) -> None:
        """Let connections go."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self._pool().stream("POST", url, content=body, headers=dict(headers)) as response:
            answer = bytearray()
            async for piece in response.aiter_bytes():
                answer += piece
                if len(answer) > _MAX_ANSWER_BYTES:
                    break
        text = bytes(answer[:_MAX_ANSWER_BYTES]).decode("utf-8", "replace")
        return judged(response.status_code, text, response.headers.get("retry-after", ""))

    def _pool(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                timeout=None,
                trust_env=False,
                follow_redirects=False,
                verify=tls_of(self._settings),
                proxy=self._settings.proxy_url or None,
                headers={"User-Agent": "sentinel-gateway"},
            )
        return self._client


def judged(status: int, text: str, retry_after: str) -> Answer:
    """What a status means. Where the address or the key is refused somebody may mend it, so it is tried again."""
    words = f"{status} {plain(text, _WORDS_MAX)}".strip()
    if 200 <= status < 300:
        return Answer(Verdict.DELIVERED, words)
    if status in _REFUSES_THE_MESSAGE:
        return Answer(Verdict.NEVER, words)
    return Answer(Verdict.LATER, words, asked_pause(retry_after, datetime.now(UTC)))


def asked_pause(header: str, now: datetime) -> timedelta | None:
    """What a ``Retry-After`` asks for, as seconds or as a date; None where it says nothing."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), MOST_ASKED_FOR)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return min(max(moment - now, timedelta(0)), MOST_ASKED_FOR)


def tls_of(settings: SendingSettings) -> ssl.SSLContext:
    """Who is believed to be whom.

    Raises:
        BadConfiguration: the file of authorities cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise BadConfiguration(f"alerting.ca_file {str(settings.ca_file)!r} cannot be used: {error}") from error


def _words_of(error: httpx2.HTTPError) -> str:
    """What went wrong, by kind: the library's own words may quote the URL."""
    cause = error.__cause__
    while cause is not None and cause.__cause__ is not None:
        cause = cause.__cause__
    kind = type(error).__name__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"{kind}: its certificate is not believed: {cause.verify_message}"
    if isinstance(cause, OSError) and cause.strerror:
        return f"{kind}: {cause.strerror}"
    return kind
