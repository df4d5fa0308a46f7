"""`KubernetesClient`: reading, watching and writing API objects as plain JSON, every failure an error of ours.

Paths are API paths (``/api/v1/nodes``); parameters are query parameters. Lists are paged. A watch ends where the server
ends it; resuming, relisting after 410 and back-off belong to the watcher. Every request has a deadline.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp

from gcm_sentinel.clients.kubernetes.errors import GONE, from_exception, from_status, vendor_failures
from gcm_sentinel.clients.kubernetes.objects import KubeObject, mapping, metadata, objects, text
from gcm_sentinel.domain.errors import BadResponse, Rejected, SentinelError, Unreachable

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

Params: TypeAlias = Mapping[str, str | int | bool]
Objects: TypeAlias = list[KubeObject]
Body: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]

DEFAULT_TIMEOUT = timedelta(seconds=15)
_TEXT_MAX_BYTES = 8 * 1024 * 1024
_DRY_RUN: Params = {"dryRun": "All"}


@dataclass(frozen=True, slots=True)
class WatchTimes:
    """How long one watch request lasts. Long enough to be cheap, short enough to notice a dead connection."""

    shortest: timedelta = timedelta(seconds=240)
    longest: timedelta = timedelta(seconds=290)
    grace: timedelta = timedelta(seconds=15)
    """How long after its agreed end a watch may still be silent before the connection counts as dead."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    items: Objects
    resource_version: str
    first: bool
    """True for the first page, also when an expired list had to begin again: forget what earlier pages held."""


class KubernetesClient:
    """One API server, seen through the vendor's transport."""

    def __init__(
        self,
        api: ApiClient,
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
        watch_times: WatchTimes | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Use `connect`; this is for tests that bring a transport of their own.

        `jitter` returns numbers from 0 to 1 and spreads the ends of watches.
        """
        self._api = api
        self._timeout = timeout
        self._watch_times = watch_times or WatchTimes()
        self._jitter = jitter

    @classmethod
    async def connect(
        cls,
        *,
        kubeconfig: Path | None = None,
        context: str | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - the deadline of later requests, not of connecting
        watch_times: WatchTimes | None = None,
    ) -> KubernetesClient:
        """A client for the given kubeconfig, else ``$KUBECONFIG``, else the pod's service account, else ~/.kube/config.

        Sends nothing yet. `timeout` bounds every later request but watches, which last as `watch_times` say.

        Raises:
            BadConfiguration: no usable credentials; the message names the file and what is wrong with it.
        """
        from gcm_sentinel.clients.kubernetes.connect import open_api

        api = await open_api(kubeconfig=kubeconfig, context=context)
        return cls(api, timeout=timeout, watch_times=watch_times)

    @property
    def server(self) -> str:
        """The API server's base URL."""
        return str(self._api.configuration.host)

    async def aclose(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        close: Any = self._api.close  # the vendor's transport is not typed
        await close()

    async def get(self, path: str, params: Params | None = None) -> KubeObject:
        """One object (or any other JSON object the API serves at `path`).

        Raises:
            NotFound, Forbidden, Rejected, Overloaded, Unreachable, BadResponse: see `domain/errors.py`.
        """
        return await self._json("GET", path, params)

    async def list(self, path: str, params: Params | None = None, page: int = 500) -> tuple[Objects, str]:
        """All objects of a collection and the list's resource version; `page` objects per request.

        Raises:
            As `get`.
        """
        items: Objects = []
        resource_version = ""
        async for part in self.pages(path, params, page):
            if part.first:
                items.clear()
            items += part.items
            resource_version = part.resource_version
        return items, resource_version

    async def pages(self, path: str, params: Params | None = None, page: int = 500) -> AsyncGenerator[Page, None]:
        """The pages of a collection, for callers that must not hold all objects at once.

        A list that expires half-way (410) begins again once, which shows as another page with `first` set.

        Raises:
            As `get`.
        """
        token, first, restarts_left = "", True, 1
        while True:
            query: dict[str, str | int | bool] = {**(params or {}), "limit": page}
            if token:
                query["continue"] = token
            try:
                answer = await self._json("GET", path, query)
            except Rejected as error:
                if error.status != GONE or not token or not restarts_left:
                    raise
                token, first, restarts_left = "", True, restarts_left - 1
                continue
            meta = metadata(answer)
            yield Page(objects(answer.get("items")), text(meta.get("resourceVersion")), first)
            token, first = text(meta.get("continue")), False
            if not token:
                return

    async def text(self, path: str, params: Params | None = None, max_bytes: int = _TEXT_MAX_BYTES) -> str:
        """A text answer (pod log, kubelet log file), undecodable bytes replaced.

        Of an answer longer than `max_bytes` the end is kept, beginning at a whole line.

        Raises:
            As `get`.
        """
        what = f"GET {path}"
        async with self._request("GET", path, params, accept="text/plain, */*") as response:
            kept, cut = bytearray(), False
            async for chunk in _chunks(response, what):
                kept += chunk
                if len(kept) > 2 * max_bytes:
                    del kept[:-max_bytes]
                    cut = True
        if cut or len(kept) > max_bytes:
            del kept[: max(0, len(kept) - max_bytes)]
            del kept[: kept.find(b"\n") + 1]
        return kept.decode("utf-8", errors="replace")

    async def watch(
        self, path: str, *, resource_version: str, params: Params | None = None
    ) -> AsyncGenerator[Objects, None]:
        """Watch events (``{"type": …, "object": …}``, bookmarks included) until the server ends the stream.

        They come as many at a time as have arrived, so that a caller pays per batch. What a slow caller has not taken
        waits in a buffer of a few MiB and then with the server.

        Raises:
            Rejected: with status 410 when `resource_version` is too old, in either form the API has for it.
            Unreachable: the stream broke off, or fell silent beyond its agreed end.
            As `get` otherwise.
        """
        times = self._watch_times
        lasts = times.shortest + (times.longest - times.shortest) * self._jitter()
        query: dict[str, str | int | bool] = {
            **(params or {}),
            "watch": True,
            "allowWatchBookmarks": True,
            "resourceVersion": resource_version,
            "timeoutSeconds": max(1, int(lasts.total_seconds())),
        }
        what = f"WATCH {path}"
        async with self._request("GET", path, query, deadline=lasts + times.grace) as response:
            async for lines in _lines(response, what):
                events, failure = _events(lines, what)
                if events:
                    yield events
                if failure is not None:
                    raise failure

    async def create(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> KubeObject:
        """POST `body` to a collection; the created object. A dry run is checked like it and stores nothing.

        Raises:
            Rejected: status 409 when it exists, 422 when it is not valid.
            As `get` otherwise.
        """
        params = _DRY_RUN if dry_run else None
        return await self._json("POST", path, params, body=body, content_type="application/json")

    async def delete(self, path: str, body: Mapping[str, Any]) -> KubeObject:
        """DELETE one object as `body` says, which are DeleteOptions; a Status, or the object that is marked now.

        Raises:
            Rejected: status 409 when a precondition does not hold.
            As `get` otherwise.
        """
        return await self._json("DELETE", path, None, body=body, content_type="application/json")

    async def patch(
        self,
        path: str,
        body: Body,
        *,
        content_type: str,
        field_manager: str | None = None,
        force: bool | None = None,
        dry_run: bool = False,
    ) -> KubeObject:
        """PATCH an object with the patch type that `content_type` names; the object afterwards, or as it would be.

        Raises:
            Rejected: status 409 on a conflict (changed object, fields owned by another manager).
            As `get` otherwise.
        """
        params: dict[str, str | int | bool] = dict(_DRY_RUN) if dry_run else {}
        if field_manager is not None:
            params["fieldManager"] = field_manager
        if force is not None:
            params["force"] = force
        return await self._json("PATCH", path, params, body=body, content_type=content_type)

    async def _json(
        self,
        method: str,
        path: str,
        params: Params | None,
        *,
        body: Body | None = None,
        content_type: str | None = None,
    ) -> KubeObject:
        what = f"{method} {path}"
        async with self._request(method, path, params, body=body, content_type=content_type) as response:
            content = b"".join([chunk async for chunk in _chunks(response, what)])
        return _parse(content, what)

    @asynccontextmanager
    async def _request(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        params: Params | None,
        *,
        body: Body | None = None,
        content_type: str | None = None,
        accept: str = "application/json",
        deadline: timedelta | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and hand out its successful answer; closed when the caller is done with it."""
        what = f"{method} {path}"
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content_type else {})
        limit = aiohttp.ClientTimeout(
            total=(deadline or self._timeout).total_seconds(), sock_connect=self._timeout.total_seconds()
        )
        try:
            call = await self._api.param_serialize(
                method,
                path,
                query_params=list((params or {}).items()),
                header_params=headers,
                body=dict(body) if isinstance(body, Mapping) else body,
                auth_settings=["BearerToken"],
            )
            answer: Any = await self._api.call_api(*call, _request_timeout=limit)
        except vendor_failures() as error:
            raise from_exception(error, what=what) from error
        response: aiohttp.ClientResponse = answer.response
        try:
            if response.status >= 300:
                body_text = b"".join([chunk async for chunk in _chunks(response, what)]).decode(errors="replace")
                raise from_status(response.status, body_text, response.headers, what=what)
            yield response
        finally:
            response.close()


async def _chunks(response: aiohttp.ClientResponse, what: str) -> AsyncIterator[bytes]:
    """The body as it arrives, transport failures mapped."""
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unreachable(f"{what}: the answer broke off ({type(error).__name__}: {error})") from error


async def _lines(response: aiohttp.ClientResponse, what: str) -> AsyncIterator[list[bytes]]:
    """The lines of a stream as they arrive; one object may be longer than the HTTP library's own line limit."""
    rest = bytearray()
    async for chunk in _chunks(response, what):
        rest += chunk
        if b"\n" not in chunk:
            continue
        *lines, tail = bytes(rest).split(b"\n")
        rest = bytearray(tail)
        yield [line for line in lines if line.strip()]
    if rest.strip():
        raise Unreachable(f"{what}: the stream broke off in the middle of an event")


def _events(lines: Sequence[bytes], what: str) -> tuple[Objects, SentinelError | None]:
    """The events before the first that is a failure (one sent as ERROR, or not understood), and that failure."""
    events: Objects = []
    for line in lines:
        try:
            event = _parse(line, what)
        except BadResponse as error:
            return events, error
        if event.get("type") == "ERROR":
            problem = mapping(event.get("object"))
            code = problem.get("code")
            status = code if isinstance(code, int) else 500
            return events, from_status(status, json.dumps(problem), {}, what=what)
        events.append(event)
    return events, None


def _parse(content: bytes, what: str) -> KubeObject:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise BadResponse(f"{what}: the answer is not JSON: {content[:120]!r}") from error
    if not isinstance(parsed, dict):
        raise BadResponse(f"{what}: expected a JSON object, got {type(parsed).__name__}")
    return parsed
