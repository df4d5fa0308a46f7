"""Waits until the fleet is known, before the first decision of a process.

By half a list of nodes a rack looks smaller than it is, and by none nodes share nothing: what an agent that died in a
storm had stored would become an incident for each node at the next start, and so it would at a replica that has just
come. Where the API server does not answer, triage goes on without groups after a while, because what is stored must not
wait for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

log = structlog.get_logger(__name__)

AT_MOST = timedelta(seconds=40)
"""Less than triage may stand still before it counts as dead."""
_LOOK_EVERY_S = 0.05


async def until_listed(is_listed: Callable[[], bool]) -> None:
    """Return when `is_listed` holds, or after `AT_MOST`."""
    try:
        async with asyncio.timeout(AT_MOST.total_seconds()):
            while not is_listed():  # noqa: ASYNC110 - a watcher tells nobody
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError:
        hint = "storms are not recognised by what nodes share until the nodes are listed"
        log.warning("triage.fleet_unknown", waited_s=AT_MOST.total_seconds(), hint=hint)
