"""Watches: the change log of a resource as a stream of JSON lines, seen through a selector.

An object that starts to match appears as ADDED, one that ceases to match as DELETED, whatever happened to it. A watch
ends by its timeout (soon after a last bookmark), by the server's shutdown, by a dropped connection (a test's wish, or
the fault of the source), or by an ERROR event with code 410 when its history is gone. A test may also have it torn in
the middle of an event, or fall silent without ending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from aiohttp import web

from sentinel_fleet.kube.context import Context
from sentinel_fleet.kube.faulty import hold
from sentinel_fleet.kube.history import Change, Compacted, Ending, Subscription
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.listing import ListOptions
from sentinel_fleet.kube.record import Record, to_json
from sentinel_fleet.kube.render import Renderer
from sentinel_fleet.kube.selectors import Selector
from sentinel_fleet.kube.status import expired

_BATCH = 500
_LIVENESS_S = 1.0
_LAST_BOOKMARK_S = 2.0
"""How long before its end a watch gets its last bookmark; a shorter one gets none."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What one client watches."""

    selector: Selector
    options: ListOptions
    renderer: Renderer


def visible(change: Change, selector: Selector) -> tuple[str, Record] | None:
    """A change as a client with this selector sees it: event type and object, None when it sees nothing."""
    before = change.previous is not None and selector.matches(change.previous.obj)
    after = change.type != "DELETED" and selector.matches(change.record.obj)
    if after:
        return ("MODIFIED" if before else "ADDED"), change.record
    if not before or change.previous is None:
        return None
    if change.type == "DELETED":
        return "DELETED", change.record
    metadata = {**change.previous.obj["metadata"], "resourceVersion": str(change.rv)}
    return "DELETED", Record(change.record.key, {**change.previous.obj, "metadata": metadata}, change.rv)


class WatchStream:
    """One open watch."""

    def __init__(self, context: Context, request: web.Request, wanted: WatchRequest) -> None:
        self._context = context
        self._request = request
        self._wanted = wanted
        self._response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        self._header = True

    async def run(self) -> web.StreamResponse:
        """Serve until the end.

        Raises:
            ApiError: 410 before the stream has begun, where settings ask for that.
        """
        options, store = self._wanted.options, self._context.store
        collection = store.collection(self._wanted.renderer.resource.plural)
        from_now = options.rv in ("", "0") or options.initial_events is not None
        start = store.resource_version if from_now else int(options.rv)
        oldest = collection.log.oldest_rv
        too_old = start < oldest
        error = expired(f"too old resource version: {start} ({oldest})")
        if too_old and self._context.settings.expired_watch_as_status:
            raise error
        with collection.log.subscribe(start) as subscription:
            initial = list(collection.select(self._wanted.selector)) if self._sends_initial() else []
            await self._response.prepare(self._request)
            try:
                if too_old:
                    await self._response.write(_line("ERROR", to_json(error.status)))
                else:
                    await self._initial(initial, subscription.rv)
                    await self._follow(subscription)
                await self._response.write_eof()
            except ConnectionError:
                pass  # The client has left; there is nobody to tell.
        return self._response

    def _sends_initial(self) -> bool:
        options = self._wanted.options
        return options.initial_events is True or (options.initial_events is None and options.rv in ("", "0"))

    async def _initial(self, records: list[Record], rv: int) -> None:
        for at in range(0, len(records), _BATCH):
            lines = (self._event("ADDED", record) for record in records[at : at + _BATCH])
            await self._response.write(b"".join(lines))
        if self._wanted.options.initial_events and self._wanted.options.bookmarks:
            await self._bookmark(rv, {"k8s.io/initial-events-end": "true"})

    async def _follow(self, subscription: Subscription) -> None:
        loop, settings, options = asyncio.get_running_loop(), self._context.settings, self._wanted.options
        deadline = loop.time() + (options.timeout_s or settings.watch_timeout_s)
        bookmark_at = self._next_bookmark(loop.time(), deadline)
        while True:
            if subscription.ending in ("hang", "tear"):
                await self._break(subscription.ending)
                return
            try:
                changes = subscription.take()
            except Compacted as error:
                await self._response.write(_line("ERROR", to_json(expired(str(error)).status)))
                return
            chunk = b"".join(self._lines(changes))
            if chunk:
                await self._response.write(chunk)
            self._check_connection(subscription)
            if await self._ended(subscription):
                return
            now = loop.time()
            if now >= bookmark_at:
                await self._bookmark(self._context.store.resource_version)
                bookmark_at = self._next_bookmark(now, deadline)
            if now >= deadline:
                return
            await subscription.wait(max(min(deadline, bookmark_at, now + _LIVENESS_S) - now, 0.0))

    def _next_bookmark(self, now: float, deadline: float) -> float:
        """When a bookmark is due next: every interval, the last of them some time before the end, and then never."""
        settings = self._context.settings
        last = deadline - min(_LAST_BOOKMARK_S, settings.bookmark_interval_s)
        if not self._wanted.options.bookmarks or now >= last:
            return inf
        return min(now + settings.bookmark_interval_s, last)

    def _lines(self, changes: list[Change]) -> Iterator[bytes]:
        for change in changes:
            seen = visible(change, self._wanted.selector)
            if seen is not None:
                yield self._event(*seen)

    def _event(self, type_: str, record: Record) -> bytes:
        shown = self._wanted.renderer.one(record, header=self._header)
        self._header = False
        return _line(type_, shown)

    async def _bookmark(self, rv: int, annotations: JsonObject | None = None) -> None:
        resource = self._wanted.renderer.resource
        metadata: JsonObject = {"resourceVersion": str(rv), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        shown: JsonObject = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        if self._wanted.renderer.form == "table":
            rows = [{"cells": [], "object": shown}]
            shown = {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {},
                "columnDefinitions": [],
                "rows": rows,
            }
        await self._response.write(_line("BOOKMARK", to_json(shown)))

    def _check_connection(self, subscription: Subscription) -> None:
        """Drop the connection where the client has left, a test wants it, or the whole source has failed."""
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has left")
        if subscription.ending == "drop" or self._context.faults.fault("kubernetes", None) in ("refuse", "503"):
            transport.abort()
            raise ConnectionResetError("dropped")

    async def _break(self, how: Ending) -> None:
        """Leave the client with half an event, or with a connection on which nothing ever comes again."""
        if how == "tear":
            await self._response.write(b'{"type":"MODIFIED","obj')
        else:
            await hold(self._context, self._request)

    async def _ended(self, subscription: Subscription) -> bool:
        if subscription.ending == "expire":
            message = "The resourceVersion for the provided watch is too old."
            await self._response.write(_line("ERROR", to_json(expired(message).status)))
        return subscription.ending is not None


def _line(type_: str, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (type_.encode(), body)
