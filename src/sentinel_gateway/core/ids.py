"""Ids that sort by time: UUID version 7 (RFC 9562).

Within a millisecond they are random. Where order matters beyond that, rows are numbered.
"""

from __future__ import annotations

import os
import uuid

_NS_PER_MS = 1_000_000


def uuid7(now_ns: int) -> str:
    """A new id; those of later milliseconds are greater."""
    random = int.from_bytes(os.urandom(10), "big")
    value = (now_ns // _NS_PER_MS & ((1 << 48) - 1)) << 80 | random
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))
