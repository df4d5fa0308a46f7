"""What /livez, /readyz and /metrics tell of a serving agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.routing import Route

from gcm_sentinel.app import health_checks as check
from gcm_sentinel.app.approval_book import Book
from gcm_sentinel.app.approvals_http import ApprovalRoutes
from gcm_sentinel.app.approvers import Approvers
from gcm_sentinel.app.health import Finding, Health, HealthCheck
from gcm_sentinel.app.http_server import endpoints, serve_http
from gcm_sentinel.app.serving import Serving

_TRIAGE_WITHIN = timedelta(seconds=60)
"""Triage polls every five seconds and waits ten at most between attempts in vain; a transaction may wait for 30 s."""

_STORING_WITHIN = timedelta(seconds=120)
"""Storing a batch may wait for the database's lock for 30 s, connecting and each statement have their own limits."""


@asynccontextmanager
async def serve_endpoints(serving: Serving, port: int, stop: asyncio.Event) -> AsyncIterator[None]:
    """Answer on `port` until the block ends; nothing for port 0.

    Raises:
        BadConfiguration: the port cannot be bound.
    """
    if not port:
        yield
        return
    health = Health(checks_of(serving, stop), serving.agent.clock)
    async with serve_http(endpoints(health, serving.metrics, _for_approvers(serving)), port):
        yield


def _for_approvers(serving: Serving) -> Sequence[Route]:
    """Where people decide about actions; nothing where nobody is named, or nothing acts."""
    file, stores = serving.agent.settings.approvers_file, serving.stores
    if file is None or serving.agent.acting is None:
        return ()
    book = Book(stores.actions, stores.approvals, stores.evidence, stores.investigations, serving.agent.clock)
    return ApprovalRoutes(book, Approvers(file)).routes()


def checks_of(serving: Serving, stop: asyncio.Event) -> Sequence[HealthCheck]:
    """Everything that is looked at; alive is what a restart would not mend, ready what can do its work now."""
    clock, engine = serving.agent.clock, serving.engine

    async def queue_serves() -> Finding:
        return Finding(ok=engine.problem is None, words=engine.problem or "serves")

    async def storage_writes() -> Finding:
        problem = serving.heartbeat.problem
        return Finding(ok=problem is None, words=problem or "work")

    return (
        check.event_loop(clock),
        *check.watching("nodes", serving.agent.watcher, clock),
        *_of_gateway(serving),
        check.ends(serving.workflow.intake, clock, within=_STORING_WITHIN),
        check.turns(serving.workflow.triage.stage, clock, within=_TRIAGE_WITHIN),
        check.answers("database", serving.stores.database.ping),
        HealthCheck("storage_writes", for_live=False, for_ready=True, look=storage_writes),
        HealthCheck("queue", for_live=False, for_ready=True, look=queue_serves),
        check.holds("draining", lambda: not stop.is_set(), yes="no", no="told to stop"),
    )


def _of_gateway(serving: Serving) -> Sequence[HealthCheck]:
    """The watch of the SENTINEL gateway; nothing where there is none."""
    watcher, clock = serving.agent.sentinel_watcher, serving.agent.clock
    if watcher is None:
        return ()
    storing = check.ends(serving.workflow.sentinel_intake, clock, within=_STORING_WITHIN)
    return (*check.watching("sentinel", watcher, clock), storing)
