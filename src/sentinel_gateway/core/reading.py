"""Questions: answered from memory, or from the database in reader threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sentinel_gateway.core.journal import Journal
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.core.views import fleet_view, trust_view
from sentinel_gateway.domain.directives import DirectiveFilter, DirectivePage, DirectiveRecord
from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.domain.fleet import FleetFilter, FleetView, GpuHealthView
from sentinel_gateway.domain.gpus import GpuState, view
from sentinel_gateway.domain.history import Correlation, HistoryPage, ReliabilitySample, StateTransition, Window
from sentinel_gateway.domain.identity import checked_uuid
from sentinel_gateway.domain.paging import cursor_of, token
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.domain.telemetry import LatestTelemetry
from sentinel_gateway.domain.text import MAX_NAME, checked_text, checked_time
from sentinel_gateway.domain.trust import TrustView
from sentinel_gateway.storage.changes import Needs
from sentinel_gateway.storage.history_rows import HistoryQuery, Item, Place
from sentinel_gateway.storage.store import Store

MAX_DIRECTIVES = 1000
MAX_HISTORY = 10_000
_RECENT_CORRELATIONS = 10


class Reading:
    """See the module."""

    def __init__(
        self, memory: Memory, journal: Journal, store: Store, settings: CoreSettings, now_ns: Callable[[], int]
    ) -> None:
        self._memory, self._journal, self._store = memory, journal, store
        self._settings, self._now_ns = settings, now_ns

    def gpu_health(self, uuid: str, *, with_sms: bool) -> GpuHealthView:
        """See `Core.gpu_health`."""
        return view(self._known(uuid), self._settings, self._now_ns(), with_sms=with_sms)

    async def telemetry(self, uuid: str) -> LatestTelemetry | None:
        """See `Core.telemetry`."""
        return await self._journal.read(self._store.telemetry, self._known(uuid).gpu_id)

    async def fleet(self, wanted: FleetFilter) -> FleetView:
        """See `Core.fleet`."""
        if wanted.limit < 0:
            raise Invalid(f"limit must not be negative, as {wanted.limit} is")
        gpus, sources = tuple(self._memory.gpus.values()), tuple(self._memory.sources.values())
        return await self._journal.read(fleet_view, gpus, sources, wanted, self._settings, self._now_ns())

    async def trust_graph(self) -> TrustView:
        """See `Core.trust_graph`."""
        edges, gpus = tuple(self._memory.edges.values()), dict(self._memory.gpus)
        return await self._journal.read(trust_view, edges, gpus, self._now_ns())

    async def directive(self, directive_id: str) -> DirectiveRecord:
        """See `Core.directive`."""
        checked_text("directive_id", directive_id, MAX_NAME)
        if (waiting := self._memory.waiting.get(directive_id)) is not None:
            return waiting
        found = await self._journal.read(self._store.look_up, Needs(directives=(directive_id,)))
        if directive_id not in found.directives:
            raise NotKnown(f"there is no directive {directive_id!r}")
        return found.directives[directive_id]

    async def directives(self, wanted: DirectiveFilter, limit: int, page_token: str) -> DirectivePage:
        """See `Core.directives`."""
        if wanted.gpu_uuid:
            checked_uuid(wanted.gpu_uuid)
        limit = _checked_limit(limit, 100, MAX_DIRECTIVES)
        query = ("directives", wanted.gpu_uuid, *sorted(int(status) for status in wanted.statuses))
        cursor = cursor_of(query, page_token, 1)
        found = await self._journal.read(self._store.directives, wanted, limit + 1, cursor[0] if cursor else None)
        page = found[:limit]
        more = token(query, (page[-1][0],)) if len(found) > limit else ""
        return DirectivePage(tuple(record for _, record in page), more)

    async def history(self, uuid: str, window: Window, limit: int, page_token: str) -> HistoryPage:
        """See `Core.history`."""
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
