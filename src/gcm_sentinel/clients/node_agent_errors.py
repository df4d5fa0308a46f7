"""From gRPC's status codes to our error tree, by one table; what the node said stays in the message."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

from gcm_sentinel.domain.errors import (
    BadResponse,
    Forbidden,
    NotFound,
    Overloaded,
    Rejected,
    SentinelError,
    Unauthenticated,
    Unreachable,
)

if TYPE_CHECKING:
    import grpc

_WORDS_MAX = 600
_TABLE: dict[str, tuple[type[SentinelError], str]] = {
    "CANCELLED": (Unreachable, "the call was cut off"),
    "UNKNOWN": (Unreachable, "the node's agent failed"),
    "INVALID_ARGUMENT": (Rejected, "the node refused the request"),
    "DEADLINE_EXCEEDED": (Unreachable, "no answer in time"),
    "NOT_FOUND": (NotFound, "it is not there"),
    "ALREADY_EXISTS": (Rejected, "the node refused the request"),
    "PERMISSION_DENIED": (Forbidden, "our roles there do not allow it"),
    "RESOURCE_EXHAUSTED": (Overloaded, "it is busy"),
    "FAILED_PRECONDITION": (Rejected, "the node does not allow it now"),
    "ABORTED": (Unreachable, "the call was cut off"),
    "OUT_OF_RANGE": (Rejected, "the node refused the request"),
    "UNIMPLEMENTED": (NotFound, "this agent does not offer it"),
    "INTERNAL": (Unreachable, "the node's agent failed"),
    "UNAVAILABLE": (Unreachable, "it does not answer, or a part of it is missing"),
    "DATA_LOSS": (BadResponse, "the node lost data"),
    "UNAUTHENTICATED": (Unauthenticated, "the node does not know us"),
}
"""Every status but OK; a test holds it against gRPC's own list."""


def of_status(code: str, words: str, *, node: str) -> SentinelError:
    """The error that a status stands for."""
    kind, meaning = _TABLE.get(code, (BadResponse, "the answer cannot be used"))
    said = shorten(words, _WORDS_MAX, placeholder=" ...")
    return kind(f"agent on node {node!r}: {meaning}" + (f" ({said})" if said else ""))


def of_rpc(error: grpc.aio.AioRpcError, *, node: str) -> SentinelError:
    """The error that a failed call stands for."""
    return of_status(error.code().name, error.details() or "", node=node)
