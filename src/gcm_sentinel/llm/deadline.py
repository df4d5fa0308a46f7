"""The deadline of one model turn: the SDKs' own timeouts cover a read, not a stream that drips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from gcm_sentinel.domain.errors import Unreachable


@asynccontextmanager
async def turn_deadline(engine: str, limit: timedelta) -> AsyncIterator[None]:
    """A block that must end within `limit`.

    Raises:
        Unreachable: it did not.
    """
    seconds = limit.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Unreachable(f"{engine}: no complete answer within {seconds:.0f} s") from error
