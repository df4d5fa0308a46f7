"""The errors of the library. Each has `code`, the gRPC status, or None where no call was involved.

    SentinelError
      +-- ConnectionError          UNAVAILABLE                           cannot reach the endpoint
      +-- AuthenticationError      UNAUTHENTICATED, PERMISSION_DENIED    nobody they know, or somebody who may not
      +-- NotFoundError            NOT_FOUND
      +-- InvalidArgumentError     INVALID_ARGUMENT                      also raised here, before anything is sent
      +-- DeadlineExceededError    DEADLINE_EXCEEDED
      +-- AlreadyExistsError       ALREADY_EXISTS
      +-- OutOfRangeError          OUT_OF_RANGE                          what was to be gone on from is forgotten
      +-- FailedPreconditionError  FAILED_PRECONDITION                   the state it meets does not allow it
      +-- ClosedError              no status                             the client was closed
      +-- VerificationError        no status                             a proof or a signature of the ledger is wrong

Every other status is a plain SentinelError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Mapping


class SentinelError(Exception):
    """The root: every error of this library is one."""

    def __init__(self, message: str = "", code: grpc.StatusCode | None = None) -> None:
        super().__init__(message)
        self.code = code


class ConnectionError(SentinelError):  # noqa: A001 - the documented name
    """Raised when the endpoint cannot be reached, or does not prove to be who it should be."""


class AuthenticationError(SentinelError):
    """Raised when the server does not know the caller, or does not allow what it asks."""


class NotFoundError(SentinelError):
    """Raised when what is asked for does not exist."""


class InvalidArgumentError(SentinelError):
    """Raised when an argument or a setting is malformed; says which."""


class DeadlineExceededError(SentinelError):
    """Raised when no answer came in time."""


class AlreadyExistsError(SentinelError):
    """Raised when an id was used before for something else."""


class OutOfRangeError(SentinelError):
    """Raised when events after a position were forgotten: take stock of the fleet, and follow from now."""


class FailedPreconditionError(SentinelError):
    """Raised when the present state does not allow what was asked."""


class ClosedError(SentinelError):
    """Raised when a client is used after it was closed, or closed while it is used."""


class VerificationError(SentinelError):
    """Raised when a checkpoint or a proof of the audit ledger does not verify; says what is wrong with it."""


BY_CODE: Mapping[grpc.StatusCode, type[SentinelError]] = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAUTHENTICATED: AuthenticationError,
    grpc.StatusCode.PERMISSION_DENIED: AuthenticationError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.UNAVAILABLE: ConnectionError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRangeError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
}


def from_status(code: grpc.StatusCode, details: str) -> SentinelError:
    """The error of a gRPC status."""
    return BY_CODE.get(code, SentinelError)(details or code.name, code)


def from_rpc(error: grpc.RpcError) -> SentinelError:
    """The error of a failed call; what gRPC raises for one knows its status, whichever face raised it."""
    return from_status(error.code(), error.details() or "")


def invalid(message: str) -> InvalidArgumentError:
    """An argument that is refused here, before anything is sent."""
    return InvalidArgumentError(message, grpc.StatusCode.INVALID_ARGUMENT)


def closed() -> ClosedError:
    """The answer to using a client after it was closed."""
    return ClosedError("Client is closed")


def on_one_line(error: SentinelError) -> str:
    """An error's words for a log."""
    return "; ".join(str(error).splitlines())
