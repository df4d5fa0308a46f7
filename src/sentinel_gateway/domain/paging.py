"""Page tokens: opaque to clients, and bound to the query they came from.

A token is a digest of the query and a cursor. It holds nothing secret and is not signed: a forged cursor only skips
rows of a query its author may make anyway. What matters is that a token of another query is refused, not obeyed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from sentinel_gateway.domain.errors import Invalid

PAGE_BYTES = (4 << 20) - (64 << 10)
"""A page is at most so large, for the messages that gRPC clients take by default."""
_DIGEST_BYTES = 8


def fitting(sizes: Sequence[int]) -> int:
    """How many items of these sizes fit on a page; at least one, where there is one."""
    return max(bisect_right(list(accumulate(sizes)), PAGE_BYTES), min(1, len(sizes)))


def token(query: Sequence[object], cursor: Sequence[int]) -> str:
    """A token that goes on with `query` after `cursor`."""
    packed = _digest(query) + ",".join(map(str, cursor)).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def cursor_of(query: Sequence[object], page_token: str, size: int) -> tuple[int, ...] | None:
    """The cursor in a token, `size` numbers; None for no token.

    Raises:
        Invalid: no token of ours, or one of another query.
    """
    if not page_token:
        return None
    try:
        packed = base64.b64decode(page_token + "=" * (-len(page_token) % 4), altchars=b"-_", validate=True)
        cursor = tuple(int(part) for part in packed[_DIGEST_BYTES:].decode("ascii").split(","))
    except (binascii.Error, ValueError) as error:
        raise Invalid("page_token is not one this gateway gave out") from error
    if (
        packed[:_DIGEST_BYTES] != _digest(query)
        or len(cursor) != size
        or not all(abs(part) < 1 << 63 for part in cursor)
    ):
        raise Invalid("page_token belongs to another query: repeat the query it came from, or begin without a token")
    return cursor


def _digest(query: Sequence[object]) -> bytes:
    return hashlib.sha256(json.dumps([str(part) for part in query]).encode()).digest()[:_DIGEST_BYTES]
