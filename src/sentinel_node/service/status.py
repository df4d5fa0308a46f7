"""The one table from our errors to gRPC's codes, and what leaves the node when something unexpected happens.

What a `NodeError` says was written for the caller and is sent. Whatever else escapes is ours alone: it is logged under
a fresh id, and the caller gets the id.
"""

from __future__ import annotations

import uuid

import structlog
from grpc import StatusCode

from sentinel_node.domain.errors import (
    BadConfiguration,
    Busy,
    Denied,
    Invalid,
    NodeError,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)

log = structlog.get_logger(__name__)

CODES: dict[type[NodeError], StatusCode] = {
    Invalid: StatusCode.INVALID_ARGUMENT,
    BadConfiguration: StatusCode.INTERNAL,
    Unauthenticated: StatusCode.UNAUTHENTICATED,
    Denied: StatusCode.PERMISSION_DENIED,
    NotFound: StatusCode.NOT_FOUND,
    Refused: StatusCode.FAILED_PRECONDITION,
    Busy: StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: StatusCode.UNAVAILABLE,
}
"""Every kind of error that can reach the wire; what stands below one of these has its code."""

MAX_DETAIL = 2000
"""Longest text sent with a status, in characters: metadata has a limit of its own that would hide the code."""


def code_of(error: NodeError) -> StatusCode:
    """The code of an error, by its own class or the nearest one above it."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), StatusCode.INTERNAL)


def answer_of(error: Exception, method: str) -> tuple[StatusCode, str]:
    """What a caller is told of an error; logs what nobody foresaw."""
    if isinstance(error, NodeError) and code_of(error) is not StatusCode.INTERNAL:
        return code_of(error), str(error)[:MAX_DETAIL]
    error_id = uuid.uuid4().hex[:12]
    log.error("grpc.failed", method=method, error_id=error_id, exc_info=error)
    return StatusCode.INTERNAL, f"something went wrong on the node; its log says more under error_id={error_id}"
