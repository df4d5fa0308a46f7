"""The watcher of node conditions: lists all nodes, follows their changes, and yields what is new as triggers.

The app runs `batches` as a task. It lists, then watches with bookmarks, resumes from the last version it saw after a
stream ends or breaks, and lists again when that version is gone. No failure ends it: it says what is wrong once, in
`problem` and in the log, and tries again with growing, jittered pauses. Lists that expire before they can be followed
count as failures too, or a busy API server would be asked for all nodes several times a second.

**Nothing counts as observed before it is stored.** A batch takes effect, on what is known and on where to resume, when
the consumer asks for the next one. So a consumer stores a batch first and asks then; where storing fails it tries again
itself, and meanwhile the API server's stream waits in a bounded buffer. A generator that is closed over a batch has not
observed it: the next one finds the same again. After a restart `known` is what storage says is wrong.

The allow-list is asked when a trigger is about to leave, after the comparison, so that what is known is always true.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping, strings, text
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.errors import Overloaded, Rejected, SentinelError
from gcm_sentinel.domain.globs import matches
from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.topology import NodeObserver
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.watch.health import STALLED_AFTER, WatchHealth
from gcm_sentinel.watch.observed import Change, Problems, diff, gone, remembered
from gcm_sentinel.watch.pace import Pace

log = structlog.get_logger(__name__)

_NODES = "/api/v1/nodes"
_GONE = 410
_PAGE = 250
_VERSION_KEPT = timedelta(minutes=5)
"""After failing for so long a version is given up and all is listed: a server may refuse one it has not seen itself,
after an outage or a restored etcd, for hours (https://github.com/kubernetes/kubernetes/issues/91073)."""
_RBAC = "grant the service account get, list and watch on nodes (ClusterRole)"


@dataclass(frozen=True, slots=True)
class _Look:
    """What one page or one piece of the stream brought; takes effect once its triggers are stored."""

    triggers: tuple[Trigger, ...]
    nodes: Mapping[str, Problems]
    version: str | None
    """Where to resume afterwards; None while a list is not through."""


class NodeConditionWatcher:
    """Node conditions of one cluster as a stream of triggers."""

    def __init__(  # noqa: PLR0913 - each is one independent choice of the app's
        self,
        client: KubernetesClient,
        *,
        clock: Clock,
        patterns: tuple[str, ...] = DEFAULT_WATCH_CONDITIONS,
        allowlist: tuple[str, ...] = (),
        known: Sequence[Symptom] = (),
        observer: NodeObserver | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`patterns` are the condition types to watch, `allowlist` the nodes to report (none: all); both take globs.

        `known` is what storage says is wrong; `observer` is told of every node there is, reported or not.
        """
        self._client = client
        self._clock = clock
        self._patterns = patterns
        self._allowlist = allowlist
        self._observer = observer
        self._pace = pace or Pace()
        self._nodes = remembered(known)
        self._ever_told = frozenset(self._nodes)
        self._names: set[str] = set()
        """Every node the observer was told of."""
        self._resource_version: str | None = None
        self._expired = 0
        """Times in a row that a list was too old to be followed by the time it was through."""
        self._lists = 0
        self._health = WatchHealth(clock, server=client.server, remedy=_RBAC)

    @property
    def synced(self) -> bool:
        """Whether all nodes were listed and the stream has been healthy since."""
        return self._resource_version is not None and self._health.problem is None

    @property
    def lists(self) -> int:
        """How often all nodes were listed from beginning to end."""
        return self._lists

    @property
    def last_event_at(self) -> datetime | None:
        """When the API server last told us anything (a list, an event, a bookmark); None before the first list."""
        return self._health.last_event_at

    @property
    def problem(self) -> str | None:
        """Why nothing can be watched just now, and what to do; None while all is well."""
        return self._health.problem

    def stalled(self, now_s: float, limit: timedelta = STALLED_AFTER) -> bool:
        """Whether nothing was heard or tried for longer than `limit`; `now_s` is the monotonic clock's time.

        False while a consumer holds a batch (its own health is its own to tell) and before the watch was begun.
        """
        return self._health.stalled(now_s, limit)

    async def triggers(self) -> AsyncGenerator[Trigger, None]:
        """As `batches`, one by one; a batch takes effect when its last trigger was dealt with."""
        async with aclosing(self.batches()) as batches:
            async for batch in batches:
                for trigger in batch:
                    yield trigger

    async def batches(self) -> AsyncGenerator[tuple[Trigger, ...], None]:
        """Yield triggers until cancelled, never an empty batch: those of one page, or of all events that had arrived.

        A batch counts as stored when the next one is asked for. One such generator at a time.
        """
        self._health.begun()
        while True:
            version = self._resource_version
            looks = self._list() if version is None else self._follow(version)
            wait_s = 0.0
            try:
                async with aclosing(looks):
                    async for look in looks:
                        leaving = tuple(trigger for trigger in look.triggers if self._leaves(trigger))
                        if leaving:
                            with self._health.handing_over():
                                yield leaving
                        self._accept(look)
                self._health.heard()
            except SentinelError as error:
                self._failed(error)
                wait_s = (error.retry_after_s or 0.0) if isinstance(error, Overloaded) else 0.0
            if self._health.failures or version is not None:  # a list that worked is followed at once
                await self._pace.pause(max(self._health.failures, self._expired), wait_s)

    async def _list(self) -> AsyncGenerator[_Look, None]:
        """Compare all nodes with what is known, those that are not there any more at the end."""
        listed, version = set[str](), ""
        async with aclosing(self._client.pages(_NODES, page=_PAGE)) as pages:
            async for page in pages:
                self._health.heard()
                if page.first:
                    listed = set[str]()
                listed.update(_name(node) for node in page.items)
                version = page.resource_version
                yield self._look((("ADDED", node) for node in page.items), None)
        missing = sorted((self._nodes.keys() | self._names) - listed)
        lacking = ({"metadata": {"name": name, "resourceVersion": version}} for name in missing)
        yield self._look((("DELETED", node) for node in lacking), version)
        self._lists += 1
        fields = {"nodes": len(listed), "nodes_with_problems": len(self._nodes), "nodes_gone": len(missing)}
        log.info("watch.listed", resource_version=version, **fields)

    async def _follow(self, resource_version: str) -> AsyncGenerator[_Look, None]:
        """Follow changes from a version on until the server ends the stream."""
        version = resource_version
        async with aclosing(self._client.watch(_NODES, resource_version=resource_version)) as batches:
            async for events in batches:
                self._health.heard()
                self._expired = 0
                changes = [(text(event.get("type")), mapping(event.get("object"))) for event in events]
                versions = [text(metadata(node).get("resourceVersion")) for _, node in changes]
                version = next(filter(None, reversed(versions)), version)
                yield self._look(changes, version)

    def _look(self, changes: Iterable[tuple[str, KubeObject]], version: str | None) -> _Look:
        """Compare nodes, in the order of their changes, with what is known of them."""
        now = self._clock.now()
        triggers: list[Trigger] = []
        fresh: dict[str, Problems] = {}
        for type_, node in changes:
            name = _name(node)
            before = fresh[name] if name in fresh else self._nodes.get(name, ())
            if type_ == "DELETED":
                change = Change(gone(node, before, now), ())
            elif type_ in ("ADDED", "MODIFIED"):
                change = diff(before, node, patterns=self._patterns, now=now)
            else:
                continue
            self._observe(type_, name, node)
            triggers += change.triggers
            if change.problems != before:
                fresh[name] = change.problems
        return _Look(tuple(triggers), fresh, version)

    def _observe(self, type_: str, name: str, node: KubeObject) -> None:
        """Tell the observer; it may hear the same again, which costs it a comparison."""
        if self._observer is None:
            return
        if type_ == "DELETED":
            self._names.discard(name)
            self._observer.gone(name)
        else:
            self._names.add(name)
            self._observer.seen(name, strings(metadata(node).get("labels")))

    def _accept(self, look: _Look) -> None:
        """The triggers of a look are stored: it is what is known from now on."""
        for name, problems in look.nodes.items():
            if problems:
                self._nodes[name] = problems
            else:
                self._nodes.pop(name, None)
        if look.version is not None:
            self._resource_version = look.version

    def _leaves(self, trigger: Trigger) -> bool:
        """Whether the operator wants to hear it; the end of what was told before the allow-list changed always."""
        if not self._allowlist or matches(trigger.node, self._allowlist):
            return True
        return trigger.status is TriggerStatus.RECOVERED and trigger.node in self._ever_told

    def _failed(self, error: SentinelError) -> None:
        if isinstance(error, Rejected) and error.status == _GONE:
            self._health.expired()
            self._expired += 1
            log.info("watch.expired", resource_version=self._resource_version, in_a_row=self._expired)
            self._resource_version = None
            return
        self._health.failed(error)
        if self._resource_version is not None and self._health.failing_for > _VERSION_KEPT:
            log.warning("watch.version_given_up", resource_version=self._resource_version)
            self._resource_version = None


def _name(node: KubeObject) -> str:
    return text(metadata(node).get("name"))
