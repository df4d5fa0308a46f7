"""The one error tree, split by the question a caller asks: try again, give up, refused, or our bug.

    SentinelError
    ├── Retryable              the outside world may answer differently in a moment
    │   ├── Unreachable        no connection, no answer in time
    │   └── Overloaded         429, 503, 529: the other side asked us to slow down
    ├── Permanent              asking again gives the same answer
    │   ├── Forbidden          401, 403: credentials or RBAC
    │   │   └── Unauthenticated  the other side does not know us, so no role would help
    │   ├── NotFound           404: the object is not there
    │   ├── Rejected           the other side understood and refused the request (400, 409, 410, 422)
    │   │   └── Forgotten      what was asked for was there once
    │   ├── BadConfiguration   a setting, flag or file of the operator is wrong
    │   └── BadResponse        the answer could not be understood
    ├── Refused                our own policy said no (mode gate, budget, scope)
    └── Bug                    an invariant of ours does not hold

Adapters map vendor errors onto these by a table. A message says what failed, which value, and what to do.
"""

from __future__ import annotations


class SentinelError(Exception):
    """Raised when anything of ours fails; the root of the tree."""


class Retryable(SentinelError):
    """Raised when the same request may succeed later."""


class Unreachable(Retryable):
    """Raised when there was no connection or no answer within the deadline."""


class Overloaded(Retryable):
    """Raised when the other side asked us to slow down.

    `retry_after_s` is its wish in seconds, None when it named none; `status` the HTTP status where there was one. After
    a 429 the request has certainly not been carried out, after a 503 nobody knows.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.status = status


class Permanent(SentinelError):
    """Raised when asking again would give the same answer."""


class Forbidden(Permanent):
    """Raised when credentials are wrong or RBAC does not allow the request."""


class Unauthenticated(Forbidden):
    """Raised when the other side does not know who we are: a credential is missing or wrong."""


class NotFound(Permanent):
    """Raised when the object asked for does not exist."""


class Rejected(Permanent):
    """Raised when the other side understood the request and refused it.

    `status` is the HTTP status where there was one.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Forgotten(Rejected):
    """Raised when a log does not hold any more what comes after the place that was asked for."""


class BadConfiguration(Permanent):
    """Raised when a setting, flag or file given by the operator cannot be used."""


class BadResponse(Permanent):
    """Raised when an answer from outside could not be understood."""


class Refused(SentinelError):
    """Raised when our own policy forbids what was asked (mode, budget, scope)."""


class Bug(SentinelError):
    """Raised when an invariant of ours does not hold; please report it."""
