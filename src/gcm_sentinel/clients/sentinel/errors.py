"""From the client library's errors to our error tree, by one table over gRPC's status codes.

The library's classes group these codes; the code itself is kept on each error, so it decides. An error without a code
involved no call: an answer that holds what no value can hold, or a client that was closed under us.
"""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

from gcm_sentinel.domain.errors import (
    BadResponse,
    Forbidden,
    Forgotten,
    NotFound,
    Overloaded,
    Rejected,
    SentinelError,
    Unauthenticated,
    Unreachable,
)

if TYPE_CHECKING:
    import sentinel_sdk

_WORDS_MAX = 400
_TABLE: dict[str, tuple[type[SentinelError], str]] = {
    "CANCELLED": (Unreachable, "the call was cut off"),
    "UNKNOWN": (Unreachable, "the gateway failed"),
    "INVALID_ARGUMENT": (Rejected, "the gateway refused the request"),
    "DEADLINE_EXCEEDED": (Unreachable, "no answer in time"),
    "NOT_FOUND": (NotFound, "it is not there"),
    "ALREADY_EXISTS": (Rejected, "the gateway refused the request"),
    "PERMISSION_DENIED": (Forbidden, "our roles there do not allow it"),
    "RESOURCE_EXHAUSTED": (Overloaded, "the gateway asks us to slow down"),
    "FAILED_PRECONDITION": (Rejected, "the gateway refused the request"),
    "ABORTED": (Unreachable, "the call was cut off"),
    "OUT_OF_RANGE": (Forgotten, "the gateway does not have it any more"),
    "UNIMPLEMENTED": (NotFound, "this gateway does not offer it"),
    "INTERNAL": (Unreachable, "the gateway failed"),
    "UNAVAILABLE": (Unreachable, "no connection"),
    "DATA_LOSS": (BadResponse, "the gateway lost data"),
    "UNAUTHENTICATED": (Unauthenticated, "the gateway does not know us"),
}
"""Every status but OK; a test holds it against gRPC's own list."""


def of_code(code: str | None, words: str, *, place: str) -> SentinelError:
    """The error a status stands for; `place` is the gateway's address, `words` what it said."""
    kind, meaning = _TABLE.get(code or "", (BadResponse, "the answer cannot be used"))
    said = shorten(words, _WORDS_MAX, placeholder=" ...")
    return kind(f"SENTINEL gateway {place}: {meaning}" + (f" ({said})" if said else "") + _advice(kind, said))


def of_sdk(error: sentinel_sdk.SentinelError, *, place: str) -> SentinelError:
    """The error that one of the client library stands for."""
    return of_code(error.code.name if error.code else None, str(error), place=place)


def _advice(kind: type[SentinelError], said: str) -> str:
    about_tls = any(word in said.lower() for word in ("handshake", "certificate", "ssl", "tls"))
    if kind is Unreachable and about_tls:
        return "; check GCM_SENTINEL_SENTINEL_CA_CERT, or GCM_SENTINEL_SENTINEL_PLAINTEXT for a gateway without TLS"
    return ""
