"""From the vendor's and the server's failures to our error tree, by two tables: exceptions and HTTP statuses.

Used by the client only. A message keeps the API server's own words, because they name the user, the verb and the
resource that RBAC refused, which is what an operator needs.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time

import aiohttp

from gcm_sentinel.clients.kubernetes.objects import mapping, objects, text
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

GONE = 410
_FORBIDDEN = frozenset({401, 403})
_OVERLOADED = frozenset({429, 503, 529})
_WORDS_MAX = 600


def vendor_failures() -> tuple[type[Exception], ...]:
    """Every exception class the vendor's transport lets out; a test holds it against what the vendor defines."""
    from kubernetes.aio.client.exceptions import OpenApiException
    from kubernetes.aio.config import ConfigException

    return (OpenApiException, ConfigException, aiohttp.ClientError, aiohttp.InvalidURL, OSError, ValueError)


def from_status(status: int, body: str, headers: Mapping[str, str], *, what: str) -> SentinelError:
    """The error for an HTTP answer that is not a success.

    `what` is the request as ``GET /api/v1/nodes``.
    """
    message = f"{what}: the Kubernetes API answered {status}: {_words(body) or 'no explanation'}"
    if status in _FORBIDDEN:
        return Forbidden(message)
    if status == 404:
        return NotFound(message)
    if status in _OVERLOADED:
        return Overloaded(message, retry_after_s=_retry_after_s(headers), status=status)
    if status >= 500:
        return Unreachable(message)
    return Rejected(message, status=status)


def from_exception(error: Exception, *, what: str) -> SentinelError:
    """The error for an exception of the vendor's library, its HTTP stack or the operating system."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status >= 400:
        body = getattr(error, "body", None) or getattr(error, "message", None) or getattr(error, "reason", None)
        return from_status(status, str(body or ""), {}, what=what)
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if type(error).__name__ == "ConfigException":  # the vendor's, which is not imported here
        return BadConfiguration(f"{what}: the credentials could not be renewed ({reason})")
    for kinds, ours, words in _TABLE:
        if isinstance(error, kinds):
            return ours(f"{what}: {words} ({reason})")
    return BadResponse(f"{what}: the Kubernetes client library failed ({reason})")


_TABLE: tuple[tuple[tuple[type[Exception], ...], type[SentinelError], str], ...] = (
    (
        (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch),
        BadConfiguration,
        "the server's certificate is not trusted; check the cluster's certificate-authority in the kubeconfig",
    ),
    (
        (aiohttp.InvalidURL,),
        BadConfiguration,
        "the server's address is not a URL; check `server` in the kubeconfig",
    ),
    ((TimeoutError,), Unreachable, "no answer in time"),
    ((aiohttp.ClientResponseError, aiohttp.ContentTypeError), BadResponse, "the answer is not proper HTTP"),
    ((aiohttp.ClientError, OSError), Unreachable, "no connection to the API server"),
    ((UnicodeError, json.JSONDecodeError), BadResponse, "the answer is not JSON text"),
)
"""First match wins. `TimeoutError` stands before `OSError`, its parent."""


def _words(body: str) -> str:
    """The `message` of a Status object, with the budgets that hold a pod, else the body itself, in one line."""
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    words = parsed.get("message") if isinstance(parsed, dict) else None
    held = " ".join(_budgets(parsed))
    return " ".join(f"{words if isinstance(words, str) and words else body} {held}".split())[:_WORDS_MAX]


def _budgets(status: object) -> list[str]:
    """What a refused eviction says of the disruption budget; the message alone does not name it."""
    causes = objects(mapping(mapping(status).get("details")).get("causes"))
    return [text(cause.get("message")) for cause in causes if cause.get("reason") == "DisruptionBudget"]


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None
