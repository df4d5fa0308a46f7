"""What a failure says of whether the request has arrived: the outcome of an action is told from that.

Refused here, or by the other side in words, it has not. A lost answer says nothing, and no later failure makes up for
it: what was sent once and not answered stays in doubt, however the next try ends. Pure.
"""

from __future__ import annotations

from gcm_sentinel.domain.errors import (
    BadConfiguration,
    Forbidden,
    NotFound,
    Overloaded,
    Refused,
    Rejected,
    SentinelError,
    Unreachable,
)

_NOT_SENT = (Refused, Rejected, Forbidden, NotFound, BadConfiguration)
_TOO_MANY_REQUESTS = 429


def not_sent(error: SentinelError) -> bool:
    """Whether nothing has arrived: it was refused here, or by the other side in words, a 429 among them."""
    told_to_wait = isinstance(error, Overloaded) and error.status == _TOO_MANY_REQUESTS
    return told_to_wait or isinstance(error, _NOT_SENT)


def may_have_arrived(error: SentinelError) -> str:
    """The words of a failure after which the request may have arrived all the same; empty for any other."""
    return "" if not_sent(error) else str(error)


def in_doubt(error: SentinelError, lost: str) -> SentinelError:
    """`error`; where an earlier answer was `lost`, one that does not claim that nothing has arrived."""
    return Unreachable(f"its answer was lost ({lost}), and then: {error}") if lost else error
