"""UUIDs of version 7 (RFC 9562): made by the client, so that a repeated request can be recognised as the same one."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable

_RANDOM_BITS = 74
_LOW_BITS = 62


def uuid7(now_ns: Callable[[], int] = time.time_ns, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """A new id, ordered by the millisecond it was made in."""
    milliseconds = now_ns() // 1_000_000 & (1 << 48) - 1
    random = random_bits(_RANDOM_BITS)
    high, low = random >> _LOW_BITS, random & (1 << _LOW_BITS) - 1
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
