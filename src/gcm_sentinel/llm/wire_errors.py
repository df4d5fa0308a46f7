"""What a provider's failure means to us: HTTP statuses, in-stream errors and broken connections onto our error tree.

Both SDKs come from one generator, so their classes have the same names and one table serves both (`sdk` is the module).
Two things they do not wrap are wrapped here: a connection cut in mid-stream (`httpx2.TransportError`) and a stream that
is not the JSON it should be. The key is never part of a message, and a provider's words about a refused key are left
out because some of them quote it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from types import ModuleType

import httpx2

from gcm_sentinel.domain.errors import (
    BadConfiguration,
    BadResponse,
    Forbidden,
    NotFound,
    Overloaded,
    Rejected,
    SentinelError,
    Unreachable,
)
from gcm_sentinel.llm.endpoint import MODEL_SETTING, URL_SETTING, Endpoint

_OVERLOADED = frozenset({429, 503, 529})
_TRY_AGAIN = frozenset({408, 409, 425})
_STATUS_OF_KIND = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "too_many_requests": 429,
    "slow_down": 503,
    "server_is_overloaded": 503,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "billing_error": 402,
    "insufficient_quota": 402,
    "invalid_request_error": 400,
    "request_too_large": 413,
    "context_length_exceeded": 400,
}
"""Error types of an event inside a stream, which has HTTP status 200, and of bodies that say more than their status."""

_DECIDES_OVER_STATUS = frozenset({"insufficient_quota", "overloaded_error", "model_not_found"})
"""Types that are believed before the status: OpenAI answers an empty account with 429, which no waiting mends."""


def vendor_failures(sdk: ModuleType) -> tuple[type[Exception], ...]:
    """Everything that may come out of `sdk` while a turn is asked for and its stream is read."""
    root: type[Exception] = sdk.APIError.__mro__[1]
    return (
        root,
        httpx2.HTTPError,
        httpx2.InvalidURL,
        httpx2.StreamError,
        OSError,
        json.JSONDecodeError,
        UnicodeDecodeError,
    )


def translate(error: Exception, endpoint: Endpoint, sdk: ModuleType) -> SentinelError:
    """Our error for one of `vendor_failures`."""
    if _bad_url(error):
        return BadConfiguration(f"{endpoint.engine}: {endpoint.base_url!r} is no URL; set {URL_SETTING}")
    if isinstance(error, sdk.APIStatusError):
        kind = _kind(error)
        status = error.status_code
        if status < 400 or kind in _DECIDES_OVER_STATUS:
            status = _STATUS_OF_KIND.get(kind, status)
        return from_status(endpoint, status, _words(error), error.response.headers)
    if isinstance(error, sdk.APIConnectionError | httpx2.HTTPError | httpx2.StreamError | OSError):
        why = endpoint.quoted(error.__cause__ or error) or type(error).__name__
        return Unreachable(f"{endpoint.engine}: the connection to {endpoint.base_url} failed or was cut ({why})")
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return Unreachable(f"{endpoint.engine}: the stream from {endpoint.base_url} broke: it is not JSON")
    if type(error) is sdk.APIError:
        return from_event(endpoint, getattr(error, "body", None) or {"message": str(error)})
    return BadResponse(f"{endpoint.engine}: {type(error).__name__}: {endpoint.quoted(error)}")


def from_status(endpoint: Endpoint, status: int, words: object, headers: Mapping[str, str]) -> SentinelError:
    """Our error for an HTTP status, or for the status an in-stream error stands for."""
    engine, said = endpoint.engine, endpoint.quoted(words)
    if status == 401:
        return Forbidden(f"{engine} did not accept the key (401): check {endpoint.key_setting}")
    if status == 403:
        return Forbidden(
            f"{engine} does not allow this key to use {endpoint.model!r} (403): check {endpoint.key_setting}; {said}"
        )
    if status == 404:
        return NotFound(
            f"{engine} knows no model {endpoint.model!r} at {endpoint.base_url} (404): "
            f"check {MODEL_SETTING} and {URL_SETTING}; {said}"
        )
    if status in _OVERLOADED:
        wish = retry_after_s(headers)
        wait = f", asks to wait {wish:.0f} s" if wish is not None else ""
        return Overloaded(f"{engine} is overloaded ({status}{wait}): {said}", retry_after_s=wish)
    if status >= 500 or status in _TRY_AGAIN or status < 400:
        return Unreachable(f"{engine} failed to answer ({status}): {said}")
    return Rejected(f"{engine} rejected the request ({status}): {said}", status=status)


def from_event(endpoint: Endpoint, failure: object) -> SentinelError:
    """Our error for an event that ends a stream with ``code`` (or ``type``) and ``message``."""
    said = failure if isinstance(failure, Mapping) else {}
    names = [str(said.get(name) or "") for name in ("code", "type")]
    status = next((_STATUS_OF_KIND[name] for name in names if name in _STATUS_OF_KIND), None)
    if status is None:
        status = int(names[0]) if names[0].isdigit() and 400 <= int(names[0]) < 600 else 500
    return from_status(endpoint, status, said.get("message") or names[0], {})


def not_a_stream(endpoint: Endpoint, headers: Mapping[str, str]) -> SentinelError:
    """What to say when a successful response held no event of an answer."""
    found = headers.get("content-type", "no content type")
    if "event-stream" in found:
        return Unreachable(f"{endpoint.engine}: the stream from {endpoint.base_url} ended before the answer began")
    return BadResponse(
        f"{endpoint.engine}: {endpoint.base_url} answered with {found} instead of an event stream: "
        f"check {URL_SETTING} and any proxy in between"
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait the other side asks for, in seconds; a date is read against the response's own `Date`."""
    millis, value = headers.get("retry-after-ms"), headers.get("retry-after")
    for text, factor in ((millis, 0.001), (value, 1.0)):
        try:
            seconds = float(text or "") * factor
        except ValueError:
            continue
        return seconds if 0 <= seconds < float("inf") else None
    try:
        until, now = parsedate_to_datetime(value or ""), parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _bad_url(error: BaseException | None) -> bool:
    """Whether the address itself is the trouble; the SDKs hide that behind a connection error."""
    while error is not None:
        if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
            return True
        error = error.__cause__
    return False


def _kind(error: Exception) -> str:
    """The most telling of the error's `code` and `type` that we know."""
    names = [str(getattr(error, name, None) or "") for name in ("code", "type")]
    return next((name for name in names if name in _STATUS_OF_KIND), names[-1])


def _words(error: Exception) -> str:
    """The provider's own sentence where the body has one, else the SDK's rendering."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    message = inner.get("message") if isinstance(inner, Mapping) else None
    return str(message or getattr(error, "message", "") or error)
