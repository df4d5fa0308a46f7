"""How a query fails, in Prometheus' own terms.

Raised anywhere under `prom/`, turned into an HTTP answer by the API alone. A query this server cannot answer exactly
as Prometheus would is refused with one of these; there is no approximate answer.
"""

from typing import Literal

ErrorType = Literal["bad_data", "execution", "timeout", "canceled", "not_found", "internal"]

_STATUS: dict[ErrorType, int] = {
    "bad_data": 400,
    "execution": 422,
    "timeout": 503,
    "canceled": 499,
    "not_found": 404,
    "internal": 500,
}


class PromError(Exception):
    """Raised when a request cannot be answered; carries Prometheus' error type."""

    def __init__(self, error_type: ErrorType, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status Prometheus answers with for this type of error."""
        return _STATUS[self.error_type]


def bad_data(message: str) -> PromError:
    """The request itself is wrong."""
    return PromError("bad_data", message)


def invalid_parameter(name: str, reason: str) -> PromError:
    """One parameter of the request is wrong."""
    return bad_data(f'invalid parameter "{name}": {reason}')


def unsupported(what: str) -> PromError:
    """Valid PromQL that lies outside the subset this server declares."""
    return bad_data(f"parse error: {what} is not supported by this server")


def execution(message: str) -> PromError:
    """A valid query that has no answer over this data."""
    return PromError("execution", message)
