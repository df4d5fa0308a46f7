"""Hands one assessment to one sink, or to every sink at once, and says what became of it.

The life of an incident (app/) makes each delivery a job of its own and calls `deliver`; an investigation by hand calls
`publish_all`. A sink that fails, hangs or has a bug raises nothing and stops no other: each runs under its own
deadline, and each outcome is logged and returned. Nothing is retried here; a sink retries for about a minute itself,
and `Delivery.retryable` tells the caller that offering it again later is worth it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gcm_sentinel.domain.errors import Retryable, SentinelError
from gcm_sentinel.domain.protocols import Notifier, Publication

DEADLINE = timedelta(seconds=90)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one publication at one sink."""

    notifier: str
    delivered: bool
    took_s: float
    reason: str = ""
    """Why not; empty when delivered."""
    retryable: bool = False
    """Whether the same sink may take it later."""


async def publish_all(
    notifiers: Sequence[Notifier], publication: Publication, *, deadline: timedelta = DEADLINE
) -> tuple[Delivery, ...]:
    """Hand `publication` to all `notifiers` concurrently, each within `deadline`; outcomes in their order."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(deliver(notifier, publication, deadline)) for notifier in notifiers]
    return tuple(task.result() for task in tasks)


async def deliver(notifier: Notifier, publication: Publication, deadline: timedelta = DEADLINE) -> Delivery:
    """Hand `publication` to `notifier` within `deadline`; every failure is an outcome, only being cancelled passes."""
    clock = asyncio.get_running_loop().time
    started = clock()
    reason, retryable = await _failure(notifier, publication, deadline)
    delivery = Delivery(notifier.name, not reason, round(clock() - started, 3), reason, retryable)
    fields = {
        "notifier": delivery.notifier,
        "incident": publication.incident.id,
        "investigation": publication.incident.investigation_id,
        "took_s": delivery.took_s,
    }
    if delivery.delivered:
        log.info("notify.delivered", **fields)
    else:
        log.warning("notify.failed", reason=delivery.reason, retryable=delivery.retryable, **fields)
    return delivery


async def _failure(notifier: Notifier, publication: Publication, deadline: timedelta) -> tuple[str, bool]:
    """Why the sink failed and whether it may work later; an empty reason when it delivered."""
    limit = asyncio.timeout(deadline.total_seconds())
    try:
        async with limit:
            await notifier.publish(publication)
    except SentinelError as error:
        return str(error) or type(error).__name__, isinstance(error, Retryable)
    except Exception as error:  # task border: a sink's bug must not stop the others
        if limit.expired() and isinstance(error, TimeoutError):
            return f"no answer within {deadline.total_seconds():g} s", True
        log.exception("notify.crashed", notifier=notifier.name)
        return f"{type(error).__name__}: {error}", False
    return "", False
