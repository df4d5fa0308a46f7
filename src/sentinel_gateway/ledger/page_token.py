"""Where a query goes on: opaque to callers, and of no use for any other query.

A token fixes what the first page saw (up to which entry, how many in all), so that pages neither repeat nor miss an
entry while the ledger grows. It holds a digest of itself and its query, which finds mistakes; there is nothing in it
that a caller could gain by forging.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import astuple, dataclass
from hashlib import sha256

from sentinel_gateway.domain.errors import Invalid

_FIELDS = struct.Struct(">QQQQ")
_DIGEST_BYTES = 16
_DOMAIN = b"sentinel.ledger.page.v1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a query stands."""

    after: int
    """The last entry that was given; 0 before the first page."""
    lowest: int
    highest: int
    """All entries of the answer lie between these."""
    total: int


def token_of(place: Place, query: object) -> str:
    """The token for a place in a query, which is told by its `repr`."""
    fields = _FIELDS.pack(*astuple(place))
    return base64.urlsafe_b64encode(fields + _digest(fields, query)).decode().rstrip("=")


def place_of(token: str, query: object) -> Place:
    """The place that a token of this query stands for.

    Raises:
        Invalid: it is of another query, or no token of ours.
    """
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    fields, digest = raw[: _FIELDS.size], raw[_FIELDS.size :]
    if len(raw) != _FIELDS.size + _DIGEST_BYTES or digest != _digest(fields, query):
        raise Invalid("page_token is not of this query: send the query that gave it unchanged, or no token")
    return Place(*_FIELDS.unpack(fields))


def _digest(fields: bytes, query: object) -> bytes:
    return sha256(_DOMAIN + fields + repr(query).encode("utf-8", "backslashreplace")).digest()[:_DIGEST_BYTES]
