"""The client: GPU health, fleet, history, trust and directives; its `ledger` the audit ledger.

It connects at the first call and keeps the connection. Every call has a deadline that covers its repetitions, and every
failure comes out as one of ours. What the gateway does not know is None, not an error: that nobody ever reported about
a GPU is something to be told.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gcm_sentinel.clients.sentinel import convert, directing, events
from gcm_sentinel.clients.sentinel.access import Access
from gcm_sentinel.clients.sentinel.connection import Connection
from gcm_sentinel.clients.sentinel.ledger import SentinelLedger
from gcm_sentinel.domain.gpu_health import FleetHealth, GpuHealth, GpuHistory, TrustGraph
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.sentinel_events import Directive, Event

if TYPE_CHECKING:
    from sentinel_sdk import GpuHistoryResponse

MAX_PAGES = 10
MAX_WAITING = 1000
_PAGE = 1000
_NO_HOST = "."
"""A prefix no host name has: asks nothing but whether we may."""

_NO_DIRECTIVE = "00000000-0000-7000-8000-000000000000"
"""An id nobody draws: its time is that of 1970."""


class SentinelGateway:
    """One gateway; for the tasks of one event loop."""

    def __init__(self, access: Access) -> None:
        """Take the settings; nothing is read, imported or sent."""
        self._connection = Connection(access)
        self.ledger = SentinelLedger(self._connection, access.ledger_public_key)

    @property
    def endpoint(self) -> str:
        """host:port."""
        return self._connection.endpoint

    async def aclose(self) -> None:
        """Close the connection; a later call opens a new one."""
        await self._connection.aclose()

    async def may_read(self) -> None:
        """Nothing, if this caller may read health.

        Raises:
            Forbidden: it may not.
            SentinelError: it could not be asked.
        """
        async with self._connection.use() as client:
            await client.aquery_fleet_health(_NO_HOST)

    async def may_direct(self) -> None:
        """Nothing, if this caller may issue directives; none is: taking back one that never was needs the same right.

        Raises:
            Forbidden: it may not.
            NotFound: the gateway offers no such call.
            SentinelError: it could not be asked.
        """
        from sentinel_sdk import NotFoundError

        async with self._connection.use() as client:
            with suppress(NotFoundError):
                await client.awithdraw_directive(_NO_DIRECTIVE, "asking whether it may")

    async def gpu(self, uuid: str) -> GpuHealth | None:
        """One GPU with its SMs; None where nobody ever reported about it.

        Raises:
            SentinelError: it could not be asked.
        """
        from sentinel_sdk import NotFoundError

        async with self._connection.use() as client:
            try:
                return convert.health(await client.aquery_gpu_health(uuid))
            except NotFoundError:
                return None

    async def fleet(self, hostname_prefix: str = "") -> FleetHealth:
        """The GPUs on hosts whose name begins so, the worst first; their SMs may be left out.

        Raises:
            SentinelError: it could not be asked.
        """
        async with self._connection.use() as client:
            return convert.fleet(await client.aquery_fleet(hostname_prefix))

    async def out_of_order(self) -> FleetHealth:
        """The GPUs whose state is not HEALTHY, the worst first.

        Raises:
            SentinelError: it could not be asked.
        """
        from sentinel_sdk import GpuHealthState

        wanted = [state for state in GpuHealthState if state.value and state is not GpuHealthState.HEALTHY]
        async with self._connection.use() as client:
            return convert.fleet(await client.aquery_fleet(state_filter=wanted))

    async def waiting(self) -> tuple[Directive, ...]:
        """The directives that wait for a person, the newest first, `MAX_WAITING` at most.

        Raises:
            SentinelError: it could not be asked.
        """
        from sentinel_sdk import DirectiveStatus

        async with self._connection.use() as client:
            page = await client.alist_directives(status=DirectiveStatus.WAITING, limit=MAX_WAITING)
        return tuple(map(events.directive, page.directives))

    async def directive(self, directive_id: str) -> Directive | None:
        """One directive and what became of it; None where there is none of that id.

        Raises:
            SentinelError: it could not be asked.
        """
        async with self._connection.use() as client:
            return await directing.look_up(client, directive_id)

    async def carry_out(self, method: str, body: JsonObject, *, directive_id: str, at: datetime) -> JsonObject:
        """Issue or take back a directive (directing.py); the same again is answered as before.

        Raises:
            Rejected: the GPU's state does not allow it, or the id was used for another directive.
            SentinelError: it could not be asked.
        """
        async with self._connection.use() as client:
            return await directing.carry_out(client, method, body, directive_id=directive_id, at=at)

    async def follow(self, after: int | None, *, lasting: timedelta) -> AsyncGenerator[Event, None]:
        """What happens after a position, for as long as `lasting`; None for from now on, beginning with a position.

        Raises:
            Forgotten: events after that position were forgotten.
            SentinelError: the stream broke.
        """
        async with self._connection.use() as client:
            stream = events.follow(client, after, lasting=lasting, place=self.endpoint)
            async with aclosing(stream):
                async for event in stream:
                    yield event

    async def history(self, uuid: str, start: datetime, end: datetime) -> GpuHistory | None:
        """What happened to one GPU, `MAX_PAGES` pages of it at most; None where nobody ever reported about it.

        Raises:
            SentinelError: it could not be asked.
        """
        from sentinel_sdk import NotFoundError

        pages: list[GpuHistoryResponse] = []
        token = ""
        async with self._connection.use() as client:
            while len(pages) < MAX_PAGES:
                try:
                    pages.append(await client.aget_gpu_history(uuid, start, end, _PAGE, token))
                except NotFoundError:
                    return None
                token = pages[-1].next_page_token
                if not token:
                    break
        return convert.history(pages, complete=not token)

    async def trust_graph(self) -> TrustGraph:
        """Every pair of GPUs that was compared.

        Raises:
            SentinelError: it could not be asked.
        """
        async with self._connection.use() as client:
            return convert.trust_graph(await client.aget_trust_graph())
