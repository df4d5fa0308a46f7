"""JSON answers: errors with the code that fits, and nothing about us where something unexpected happens."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sentinel_gateway.domain.errors import (
    AlreadyThere,
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

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

CODES: dict[type[GatewayError], tuple[int, str]] = {
    Invalid: (400, "INVALID_ARGUMENT"),
    Unauthenticated: (401, "UNAUTHENTICATED"),
    Denied: (403, "PERMISSION_DENIED"),
    NotKnown: (404, "NOT_FOUND"),
    IllegalState: (409, "FAILED_PRECONDITION"),
    OutOfRange: (400, "OUT_OF_RANGE"),
    AlreadyThere: (409, "ALREADY_EXISTS"),
    Busy: (429, "RESOURCE_EXHAUSTED"),
    SwitchedOff: (501, "UNIMPLEMENTED"),
    Unavailable: (503, "UNAVAILABLE"),
}
"""HTTP status and the name gRPC has for the same."""

_HEADERS: dict[int, dict[str, str]] = {401: {"www-authenticate": "Bearer"}, 429: {"retry-after": "1"}}
_NO_STORE = {"cache-control": "no-store"}


def answer(body: Json, status: int = 200) -> Response:
    """A JSON answer nobody may keep."""
    return JSONResponse(body, status_code=status, headers=_NO_STORE)


def refusal(status: int, code: str, message: str) -> Response:
    """An error as JSON."""
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status_code=status, headers={**_NO_STORE, **_HEADERS.get(status, {})})


def on_gateway_error(request: Request, error: Exception) -> Response:
    """What callers are told of our own errors; those that are our fault are told like unexpected ones."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return refusal(*CODES[kind], str(error))
    return on_unexpected_error(request, error)


def on_unexpected_error(request: Request, error: Exception) -> Response:
    """An id, by which our log says more."""
    error_id = uuid.uuid4().hex[:12]
    log.error("rest.failed", path=request.url.path, error_id=error_id, exc_info=error)
    return refusal(500, "INTERNAL", f"something went wrong in the gateway; its log says more under error_id={error_id}")


def number(value: float) -> float | None:
    """JSON has no infinities."""
    return value if math.isfinite(value) else None
