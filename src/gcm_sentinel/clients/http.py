"""The plain HTTP client for exporters, Alertmanager, Loki and webhooks: deadlines, a body cap, and our own errors.

Sources and notifiers share one `HttpClient`, which opens its connection pool at the first request and never at import.
A deadline covers the whole exchange (connect, send, read), so a server that drips bytes cannot hold a caller. Redirects
are followed within one host only: an exporter must not be able to send our headers elsewhere; and never where that
would turn a POST into a GET, because the page it leads to would then count as delivery. Proxy settings of the
environment are not used, because the addresses are those of pods and cluster services; the certificates it names
(``SSL_CERT_FILE``, ``SSL_CERT_DIR``) are trusted in place of the machine's.

User names, passwords and query strings of a URL never reach an error message or a log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import httpx2

from gcm_sentinel.domain.errors import (
    BadResponse,
    Forbidden,
    NotFound,
    Overloaded,
    Permanent,
    Rejected,
    SentinelError,
    Unreachable,
)
from gcm_sentinel.domain.jsontypes import Json

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A successful answer (status 2xx)."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Lower-case names."""


class HttpClient:
    """GET and POST with deadlines, for addresses the caller knows."""

    def __init__(
        self, timeout: timedelta = timedelta(seconds=10), *, max_body_bytes: int = MAX_BODY_BYTES, user_agent: str = ""
    ) -> None:
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
        self._user_agent = user_agent or "gcm-sentinel"
        self._client: httpx2.AsyncClient | None = None

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta | None = None,  # noqa: ASYNC109 (kept by asyncio.timeout; a client-wide default exists)
    ) -> HttpAnswer:
        """Fetch `url`.

        Raises:
            Unreachable: no connection, or no whole answer within the deadline.
            Overloaded: 429 or 503. `Unreachable` also stands for the other 5xx.
            Forbidden, NotFound, Rejected: 401/403, 404, any other status that is not 2xx.
            BadResponse: longer than the cap, not text, or a redirect to another host.
        """
        request = self._pool().build_request("GET", _url(url), params=params, headers=headers)
        return await self._exchange(request, timeout)

    async def post(
        self,
        url: str,
        *,
        json: Json = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta | None = None,  # noqa: ASYNC109 (kept by asyncio.timeout; a client-wide default exists)
    ) -> HttpAnswer:
        """Send `content`, or `json` when there is no content, to `url`. Raises as `get` does."""
        body = {"content": content} if content is not None else {"json": json}
        request = self._pool().build_request("POST", _url(url), headers=headers, **body)
        return await self._exchange(request, timeout)

    async def aclose(self) -> None:
        """Close the connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _pool(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                verify=httpx2.create_ssl_context(),
                timeout=None,
                trust_env=False,
                follow_redirects=False,
                headers={"User-Agent": self._user_agent},
            )
        return self._client

    async def _exchange(self, request: httpx2.Request, deadline: timedelta | None) -> HttpAnswer:
        seconds = (deadline or self._timeout).total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(request)
        except TimeoutError as error:
            raise Unreachable(f"no whole answer from {safe_url(str(request.url))} within {seconds:g} s") from error
        except httpx2.HTTPError as error:
            raise _of_transport(error, safe_url(str(request.url))) from error

    async def _follow(self, request: httpx2.Request) -> HttpAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._pool().send(request, stream=True)
            try:
                following = response.next_request if response.status_code in _REDIRECTS else None
                if following is None:
                    return await self._read(response)
            finally:
                await response.aclose()
            if following.method != request.method:
                place = safe_url(str(request.url))
                raise BadResponse(
                    f"{place} redirects a {request.method} to a page instead of taking it; check the address"
                )
            if _origin(following) != _origin(request):
                raise BadResponse(f"{safe_url(str(request.url))} redirects to another host, which is not followed")
            request = following
        raise BadResponse(f"{safe_url(str(request.url))} redirects more than {MAX_REDIRECTS} times")

    async def _read(self, response: httpx2.Response) -> HttpAnswer:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_body_bytes:
                place = safe_url(str(response.request.url))
                raise BadResponse(f"the answer of {place} is longer than {self._max_body_bytes} bytes")
        text = bytes(body).decode("utf-8", errors="replace")
        if not response.is_success:
            raise of_status(response.status_code, safe_url(str(response.request.url)), text, response.headers)
        return HttpAnswer(response.status_code, text, MappingProxyType(dict(response.headers)))


def of_status(status: int, place: str, body: str, headers: Mapping[str, str] | None = None) -> SentinelError:
    """The error that an HTTP status stands for; the first words of the body are kept because they name the reason."""
    words = " ".join(body.split())[:300]
    message = f"{place} answered {status}" + (f": {words}" if words else "")
    if status in (401, 403):
        return Forbidden(message)
    if status == 404:
        return NotFound(message)
    if status in (429, 503, 529):
        return Overloaded(message, retry_after_s=retry_after_s((headers or {}).get("retry-after", "")))
    if status >= 500 or status == 408:
        return Unreachable(message)
    return Rejected(message, status=status)


def retry_after_s(value: str, *, now: datetime | None = None) -> float | None:
    """Seconds a ``Retry-After`` header asks for, whether as a number or as a date; None when it cannot be read."""
    text = value.strip()
    if not text:
        return None
    if text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def safe_url(url: str) -> str:
    """`url` without user name, password, query and fragment: what may stand in a log."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError):
        return "(a URL that cannot be read)"
    port = f":{parsed.port}" if parsed.port else ""
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return f"{parsed.scheme}://{host}{port}{parsed.path}"


def _url(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise Rejected("not a URL: expected http://host:port/path") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Rejected(f"not an HTTP URL: {safe_url(url)!r}; expected http://host:port/path")
    return parsed


def _origin(request: httpx2.Request) -> tuple[str, str, int | None]:
    return (request.url.scheme, request.url.host, request.url.port)


def _of_transport(error: httpx2.HTTPError, place: str) -> SentinelError:
    if isinstance(error, httpx2.DecodingError):
        return BadResponse(f"the answer of {place} could not be decoded: {error}")
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return Permanent(f"the request to {place} could not be made: {error}")
    reason = str(error) or type(error).__name__
    return Unreachable(f"cannot reach {place}: {reason}")
