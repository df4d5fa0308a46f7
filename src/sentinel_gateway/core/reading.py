"""Questions: answered from memory, or from the database in reader threads, and never waiting for writers.

This is the half of `Core` that changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from sentinel_gateway.core.durations import Durations
from sentinel_gateway.core.following import Following, Wanted
from sentinel_gateway.core.guarding import change_of
from sentinel_gateway.core.journal import Journal
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.core.overhead import loads_of
from sentinel_gateway.core.views import fleet_view, trust_view
from sentinel_gateway.domain.batches import BatchKind
from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.domain.configuration import Configuration, VersionedUpdate
from sentinel_gateway.domain.directives import Directive, DirectiveFilter, DirectivePage, DirectiveRecord, size_of
from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.domain.faults import Fault
from sentinel_gateway.domain.fleet import FleetFilter, FleetView, GpuHealthView
from sentinel_gateway.domain.gpus import GpuState, Unsummarised, unsummarised, view
from sentinel_gateway.domain.happened import GuardChange, Happened
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.history import Correlation, HistoryPage, ReliabilitySample, StateTransition, Window
from sentinel_gateway.domain.identity import checked_uuid
from sentinel_gateway.domain.overhead import HostLoad
from sentinel_gateway.domain.paging import cursor_of, fitting, token
from sentinel_gateway.domain.settings import CoreSettings, RecordedPasses
from sentinel_gateway.domain.telemetry import LatestTelemetry
from sentinel_gateway.domain.text import MAX_NAME, checked_text, checked_time
from sentinel_gateway.domain.trust import TrustView
from sentinel_gateway.storage.changes import Needs
from sentinel_gateway.storage.history_rows import HistoryQuery, Item, Place
from sentinel_gateway.storage.store import Store

MAX_DIRECTIVES = 1000
MAX_HISTORY = 10_000


class Reading:
    """See the module. What is answered from the database may raise `Unavailable`."""

    def __init__(
        self,
        memory: Memory,
        following: Following,
        journal: Journal,
        store: Store,
        settings: CoreSettings,
        now_ns: Callable[[], int],
    ) -> None:
        self._memory, self._following, self._journal, self._store = memory, following, journal, store
        self._settings, self._now_ns = settings, now_ns

    async def gpu_health(self, uuid: str, *, with_sms: bool = False) -> GpuHealthView:
        """How a GPU is.

        Raises:
            Invalid: not a GPU's UUID.
            NotKnown: nobody ever reported about it.
        """
        seen = view(self._known(uuid), self._settings, self._now_ns(), with_sms=with_sms)
        return replace(seen, recent_correlations=self._memory.correlated.get(uuid, ()))

    async def telemetry(self, uuid: str) -> LatestTelemetry | None:
        """The newest telemetry of a GPU; None where it never sent any.

        Raises:
            Invalid, NotKnown: as `gpu_health`.
        """
        return await self._journal.read(self._store.telemetry, self._known(uuid).gpu_id)

    async def fleet(self, wanted: FleetFilter) -> FleetView:
        """The GPUs that match, summed up and (the worst) one by one.

        Raises:
            Invalid: a negative limit.
        """
        if wanted.limit < 0:
            raise Invalid(f"limit must not be negative, as {wanted.limit} is")
        gpus, sources = tuple(self._memory.gpus.values()), tuple(self._memory.sources.values())
        return await self._journal.read(fleet_view, gpus, sources, wanted, self._settings, self._now_ns())

    @property
    def writes(self) -> Durations:
        """How long rounds took to be stored, or not to be."""
        return self._journal.writes

    @property
    def pending_entries(self) -> int:
        """Ledger entries of the round that is being stored."""
        return self._journal.pending_entries

    async def host_loads(self) -> tuple[HostLoad, ...]:
        """What probes take of the GPUs of each host whose agent reported since the gateway started."""
        return await self._journal.read(loads_of, dict(self._memory.overhead), self._now_ns())

    async def trust_graph(self) -> TrustView:
        """Who agreed with whom; a value of its own, which any thread may go through while votes come in."""
        edges, gpus = tuple(self._memory.edges.values()), dict(self._memory.gpus)
        return await self._journal.read(trust_view, edges, gpus, self._now_ns())

    async def history(self, uuid: str, window: Window, limit: int = 1000, page_token: str = "") -> HistoryPage:
        """What happened to a GPU, in order of time; `limit` from 1 to 10,000 counts all three kinds together.

        Raises:
            Invalid: not a UUID, a window that ends before it starts, the limit, a token of another query.
            NotKnown: nobody ever reported about this GPU.
        """
        known = self._known(uuid)
        limit = _checked_limit(limit, 1000, MAX_HISTORY)
        start_ns, end_ns = checked_time("start_time", window.start_ns), checked_time("end_time", window.end_ns)
        if start_ns is not None and end_ns is not None and end_ns < start_ns:
            raise Invalid("end_time lies before start_time")
        query = ("history", uuid, window.start_ns, window.end_ns)
        cursor = cursor_of(query, page_token, 3)
        asked = HistoryQuery(known.gpu_id, known.gpu, window, limit + 1, Place(*cursor) if cursor else None)
        found = await self._journal.read(self._store.history, asked)
        page = found[:limit]
        return _history_page(page, token(query, page[-1].place) if len(found) > limit else "")

    async def unsummarised(self) -> Unsummarised:
        """The probe results that no entry of the ledger tells of yet; none where settings want no summaries."""
        if self._settings.record_passes is RecordedPasses.NONE:
            return Unsummarised()
        summaries = tuple((uuid, known.summary) for uuid, known in self._memory.gpus.items())
        return await self._journal.read(unsummarised, summaries)

    async def directive(self, directive_id: str) -> DirectiveRecord:
        """One directive.

        Raises:
            NotKnown: there is none with this id.
        """
        checked_text("directive_id", directive_id, MAX_NAME)
        if (waiting := self._memory.waiting.get(directive_id)) is not None:
            return waiting
        found = await self._journal.read(self._store.look_up, Needs(directives=(directive_id,)))
        if directive_id not in found.directives:
            raise NotKnown(f"there is no directive {directive_id!r}")
        return found.directives[directive_id]

    async def directives(self, wanted: DirectiveFilter, limit: int = 100, page_token: str = "") -> DirectivePage:
        """Directives, newest first; `limit` from 1 to 1000.

        Raises:
            Invalid: the limit, or a token of another query.
        """
        if wanted.gpu_uuid:
            checked_uuid(wanted.gpu_uuid)
        limit = _checked_limit(limit, 100, MAX_DIRECTIVES)
        query = ("directives", wanted.gpu_uuid, *sorted(int(status) for status in wanted.statuses))
        cursor = cursor_of(query, page_token, 1)
        found = await self._journal.read(self._store.directives, wanted, limit + 1, cursor[0] if cursor else None)
        page = found[: fitting([size_of(record) for _, record in found[:limit]])]
        more = token(query, (page[-1][0],)) if len(found) > len(page) else ""
        return DirectivePage(tuple(record for _, record in page), more)

    def follow_directives(
        self, hostname: str = "", action: Action | None = None, after_id: str = ""
    ) -> AsyncIterator[Directive]:
        """Directives as they are executed or begin to wait, until the gateway stops.

        With `after_id`, first everything since that directive was first told, in order; at least once. Empty `hostname`
        and None match all. Read it as slowly as you like: what was not read yet stays in the database.

        Raises (at the first step):
            NotKnown: no directive has the id `after_id`.
        """
        return self._following.directives(Wanted(hostname, action), after_id)

    def follow_events(
        self, after_position: int = 0, *, from_now: bool = False, hostname: str = ""
    ) -> AsyncIterator[Happened]:
        """What happened after a position (0: everything that is kept), then each thing as it happens, in order.

        With `from_now` only what happens from now on; the first then carries the position of now and nothing else. Of
        what is about one GPU, with a `hostname` only that host's.

        Raises (at a step):
            OutOfRange: what happened after the position was forgotten, or the position was never reached.
        """
        return self._following.events(after_position, self._now_ns() if from_now else None, hostname)

    def shared_causes(self) -> tuple[GuardChange, ...]:
        """The causes that many GPUs share and that stand raised: those that were told, in order of their keys."""
        told = [guard for guard in self._memory.guards.values() if guard.is_told]
        return tuple(change_of(guard) for guard in sorted(told, key=lambda guard: guard.key))

    def heard(self) -> dict[str, int]:
        """When each host was last heard of, nanoseconds since 1970; for alerts after a restart."""
        heard: dict[str, int] = {}
        for source in self._memory.sources.values():
            if source.kind is not BatchKind.ANOMALY:
                heard[source.hostname] = max(source.last_batch_ns, heard.get(source.hostname, 0))
        return heard

    def failures(self) -> tuple[tuple[str, int, int], ...]:
        """GPU, SM and time of the last failure of each SM that ever failed; for alerts after a restart."""
        return tuple(
            (uuid, sm_id, trail[-1].time_ns)
            for uuid, known in self._memory.gpus.items()
            for sm_id, trail in known.sms.trails.items()
            if sm_id != WHOLE
        )

    def configuration(self) -> Configuration:
        """What is in force."""
        return self._memory.configuration

    def follow_config(self, component: str, after_version: int = 0) -> AsyncIterator[VersionedUpdate]:
        """The newest update of each subject since `after_version`, then each as it comes, until the gateway stops."""
        return self._following.configuration(after_version)

    def list_faults(self, gpu_uuid: str = "") -> tuple[Fault, ...]:
        """Active faults, oldest first; of all GPUs where none is named."""
        now_ns = self._now_ns()
        active = (fault for fault in self._memory.faults.values() if not fault.is_over(now_ns))
        return tuple(fault for fault in active if gpu_uuid in ("", fault.request.gpu.uuid))

    def _known(self, uuid: str) -> GpuState:
        known = self._memory.gpus.get(checked_uuid(uuid))
        if known is None:
            raise NotKnown(f"nobody ever reported about GPU {uuid!r}")
        return known


def _checked_limit(limit: int, default: int, most: int) -> int:
    if not 0 <= limit <= most:
        raise Invalid(f"limit must be from 1 to {most}, or 0 for {default}; not {limit}")
    return limit or default


def _history_page(items: Sequence[Item], next_page_token: str) -> HistoryPage:
    return HistoryPage(
        tuple(item.value for item in items if isinstance(item.value, StateTransition)),
        tuple(item.value for item in items if isinstance(item.value, Correlation)),
        tuple(item.value for item in items if isinstance(item.value, ReliabilitySample)),
        next_page_token,
    )
