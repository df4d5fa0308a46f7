"""The one table from our errors to gRPC's codes, and what leaves the gateway when something unexpected happens.

What a `GatewayError` says was written for the caller and is sent. Whatever else escapes is ours alone: it is logged
under a fresh id, and the caller gets the id.
"""

from __future__ import annotations

import uuid

import structlog
from grpc import StatusCode

from sentinel_gateway.domain.errors import (
    AlreadyThere,
    BadConfiguration,
    Bug,
    Busy,
    Denied,
    GatewayError,
    IllegalState,
    Invalid,
    NotKnown,
    OutOfRange,
    SwitchedOff,
    Unauthenticated,
    Unavailable,
)

log = structlog.get_logger(__name__)

CODES: dict[type[GatewayError], StatusCode] = {
    Invalid: StatusCode.INVALID_ARGUMENT,
    NotKnown: StatusCode.NOT_FOUND,
    IllegalState: StatusCode.FAILED_PRECONDITION,
    OutOfRange: StatusCode.OUT_OF_RANGE,
    AlreadyThere: StatusCode.ALREADY_EXISTS,
    Unauthenticated: StatusCode.UNAUTHENTICATED,
    Denied: StatusCode.PERMISSION_DENIED,
    SwitchedOff: StatusCode.UNIMPLEMENTED,
    Busy: StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: StatusCode.UNAVAILABLE,
    BadConfiguration: StatusCode.INTERNAL,
    Bug: StatusCode.INTERNAL,
}
"""Every kind of error that can reach the wire."""

MAX_DETAIL = 2000
"""Longest text sent with a status; metadata has a limit of its own that would hide the code."""


def code_of(error: GatewayError) -> StatusCode:
    """The code of an error, by its own class or the nearest one above it."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    return StatusCode.INTERNAL


def answer_of(error: BaseException, method: str) -> tuple[StatusCode, str]:
    """What a caller is told of an error; logs what nobody foresaw."""
    if isinstance(error, GatewayError) and code_of(error) is not StatusCode.INTERNAL:
        return code_of(error), str(error)[:MAX_DETAIL]
    if isinstance(error, TimeoutError):
        return (
            StatusCode.DEADLINE_EXCEEDED,
            "the gateway took longer than it allows itself (grpc.unary_timeout_seconds)",
        )
    error_id = uuid.uuid4().hex[:12]
    log.error("grpc.failed", method=method, error_id=error_id, exc_info=error)
    return StatusCode.INTERNAL, f"something went wrong in the gateway; its log says more under error_id={error_id}"
