"""The errors of the gateway, split by what the caller can do about them.

    GatewayError
      +-- Refused            the request, as it is, can never be done
      |     +-- Invalid            INVALID_ARGUMENT     a field is missing, malformed or out of range
      |     +-- NotKnown           NOT_FOUND            names a GPU, directive, entry ... that does not exist
      |     +-- IllegalState       FAILED_PRECONDITION  the state it meets does not allow it
      |     +-- OutOfRange         OUT_OF_RANGE         a place in a stream that is not kept any more
      |     +-- AlreadyThere       ALREADY_EXISTS       an id that was used for something else
      |     +-- Unauthenticated    UNAUTHENTICATED      nobody we know
      |     +-- Denied             PERMISSION_DENIED    somebody we know who may not
      |     +-- SwitchedOff        UNIMPLEMENTED        a service this gateway was not told to offer
      +-- Retryable          the same request may succeed later
      |     +-- Busy               RESOURCE_EXHAUSTED   more than is taken at once
      |     +-- Unavailable        UNAVAILABLE          the database is away or full; nothing was stored
      +-- BadConfiguration   the operator must change something before the gateway can run
      +-- Bug                ours

`services.status` holds the one table from these to gRPC's codes.
"""

from __future__ import annotations


class GatewayError(Exception):
    """The root; never raised itself."""


class Refused(GatewayError):
    """The request, as it is, can never be done."""


class Invalid(Refused):
    """Raised when a field is missing, malformed or out of range; says which, and what would be right."""


class NotKnown(Refused):
    """Raised when a request names something that does not exist."""


class IllegalState(Refused):
    """Raised when the state of what a request is about does not allow it; says the state and what it allows."""


class OutOfRange(Refused):
    """Raised when somebody wants to go on at a place that was forgotten, or that never was; says what to do instead."""


class AlreadyThere(Refused):
    """Raised when an id is used again for something else."""


class Unauthenticated(Refused):
    """Raised when a caller proves to be nobody we know."""


class Denied(Refused):
    """Raised when a caller's roles do not allow a request; says which roles would."""


class SwitchedOff(Refused):
    """Raised when a service is asked for that the configuration leaves out; says the key that offers it."""


class Retryable(GatewayError):
    """The same request may succeed later; nothing of it was stored."""


class Busy(Retryable):
    """Raised when more is asked at once than is taken."""


class Unavailable(Retryable):
    """Raised when the database is away, full or cannot be written."""


class BadConfiguration(GatewayError):
    """Raised when the operator must change something before the gateway can run; says what."""


class Bug(GatewayError):
    """Raised when something happened that cannot."""
