"""The watcher of node conditions: lists all nodes, follows their changes, and yields what is new as triggers.

The app runs `triggers` as a task. It lists, then watches with bookmarks, resumes from the last version it saw after a
stream ends or breaks, and lists again when that version is gone. No failure ends it: it says what is wrong once, in
`problem` and in the log, and tries again with growing, jittered pauses. Lists that expire before they can be followed
count as failures too, or a busy API server would be asked for all nodes several times a second.

The allow-list is asked when a trigger is about to leave, after the state was updated, so that state is always true.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping, text
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.errors import Forbidden, Overloaded, Rejected, Retryable, SentinelError
from gcm_sentinel.domain.globs import matches
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.watch.observed import ObservedNode, diff

log = structlog.get_logger(__name__)

_NODES = "/api/v1/nodes"
_GONE = 410
_PAGE = 250
_PASSING_FAILURES = 3
"""Failures in a row that may be passing; from this many on an operator should know."""
_RBAC = "grant the service account get, list and watch on nodes (ClusterRole)"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait before asking the API server again."""

    first: timedelta = timedelta(milliseconds=200)
    longest: timedelta = timedelta(seconds=30)
    jitter: Callable[[], float] = random.random
    """Numbers from 0 to 1; a pause lasts between half and one and a half times its nominal length."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def pause(self, failures: int, at_least_s: float = 0.0) -> None:
        """Wait after the given number of failures in a row (0: a stream that ended properly)."""
        nominal_s = min(self.first.total_seconds() * 2 ** min(failures, 20), self.longest.total_seconds())
        await self.sleep(max(nominal_s * (0.5 + self.jitter()), at_least_s))


class NodeConditionWatcher:
    """Node conditions of one cluster as a stream of triggers."""

    def __init__(
        self,
        client: KubernetesClient,
        *,
        clock: Clock,
        patterns: tuple[str, ...] = DEFAULT_WATCH_CONDITIONS,
        allowlist: tuple[str, ...] = (),
        pace: Pace | None = None,
    ) -> None:
        """`patterns` are the condition types to watch, `allowlist` the nodes to report (none: all); both take globs."""
        self._client = client
        self._clock = clock
        self._patterns = patterns
        self._allowlist = allowlist
        self._pace = pace or Pace()
        self._nodes: dict[str, ObservedNode] = {}
        self._resource_version: str | None = None
        self._failures = 0
        self._expired = 0
        """Times in a row that a list was too old to be followed by the time it was through."""
        self._last_event_at: datetime | None = None
        self._problem: str | None = None
        self._logged: str | None = None

    @property
    def synced(self) -> bool:
        """Whether all nodes were listed and the stream has been healthy since."""
        return self._resource_version is not None and self._problem is None

    @property
    def last_event_at(self) -> datetime | None:
        """When the API server last told us anything (a list, an event, a bookmark); None before the first list."""
        return self._last_event_at

    @property
    def problem(self) -> str | None:
        """Why nothing can be watched just now, and what to do; None while all is well."""
        return self._problem

    async def triggers(self) -> AsyncGenerator[Trigger, None]:
        """Yield triggers until cancelled."""
        while True:
            version = self._resource_version
            look = self._list() if version is None else self._follow(version)
            wait_s = 0.0
            try:
                async with aclosing(look) as found:
                    async for trigger in found:
                        if self._allows(trigger.node):
                            yield trigger
                self._heard()
            except SentinelError as error:
                self._failed(error)
                wait_s = (error.retry_after_s or 0.0) if isinstance(error, Overloaded) else 0.0
            if self._failures or version is not None:  # a list that worked is followed at once
                await self._pace.pause(max(self._failures, self._expired), wait_s)

    async def _list(self) -> AsyncGenerator[Trigger, None]:
        """Compare all nodes with what is known; afterwards `_resource_version` says from where to follow."""
        listed, total = set[str](), 0
        async for page in self._client.pages(_NODES, page=_PAGE):
            if page.first:
                listed, total = set[str](), 0
            total += len(page.items)
            for node in page.items:
                for trigger in self._look(node):
                    yield trigger
                if _name(node) in self._nodes:
                    listed.add(_name(node))
            self._heard()
            version = page.resource_version
        for name in self._nodes.keys() - listed:
            del self._nodes[name]
        self._resource_version = version
        log.info("watch.listed", nodes=total, nodes_with_problems=len(self._nodes), resource_version=version)

    async def _follow(self, resource_version: str) -> AsyncGenerator[Trigger, None]:
        """Follow changes from a version on until the server ends the stream."""
        async with aclosing(self._client.watch(_NODES, resource_version=resource_version)) as events:
            async for event in events:
                node = mapping(event.get("object"))
                self._heard()
                self._expired = 0
                if event.get("type") == "DELETED":
                    self._nodes.pop(_name(node), None)
                elif event.get("type") in ("ADDED", "MODIFIED"):
                    for trigger in self._look(node):
                        yield trigger
                self._resource_version = text(metadata(node).get("resourceVersion")) or self._resource_version

    def _look(self, node: KubeObject) -> Iterator[Trigger]:
        """Compare one node with what is known of it."""
        name = _name(node)
        change = diff(self._nodes.get(name), node, patterns=self._patterns, now=self._clock.now())
        if change.node is None:
            self._nodes.pop(name, None)
        else:
            self._nodes[name] = change.node
        yield from change.triggers

    def _allows(self, node: str) -> bool:
        return not self._allowlist or matches(node, self._allowlist)

    def _heard(self) -> None:
        self._last_event_at = self._clock.now()
        if self._logged is not None:
            log.info("watch.restored", after=self._logged)
        self._failures, self._problem, self._logged = 0, None, None

    def _failed(self, error: SentinelError) -> None:
        self._failures += 1
        if isinstance(error, Rejected) and error.status == _GONE:
            self._expired += 1
            log.info("watch.expired", resource_version=self._resource_version, in_a_row=self._expired)
            self._resource_version = None
            return
        words = f"{error}; {_RBAC}" if isinstance(error, Forbidden) else str(error)
        passing = isinstance(error, Retryable) and self._failures < _PASSING_FAILURES
        if passing:  # load balancers cut idle streams every few minutes
            log.info("watch.interrupted", error=words)
        elif self._logged != words:
            log.error("watch.failed", error=words, kind=type(error).__name__, server=self._client.server)
            self._logged = words
        self._problem = words


def _name(node: KubeObject) -> str:
    return text(metadata(node).get("name"))
