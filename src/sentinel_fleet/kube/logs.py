"""The log subresource of pods, with the kubelet's own errors for logs that are not there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from sentinel_fleet.kube.authz import Attributes, forbidden
from sentinel_fleet.kube.context import Caller, Context
from sentinel_fleet.kube.faulty import suffer_kubelet
from sentinel_fleet.kube.instants import parse_instant
from sentinel_fleet.kube.jsontypes import JsonObject, dig, objects
from sentinel_fleet.kube.listing import is_true
from sentinel_fleet.kube.paths import ResourcePath
from sentinel_fleet.kube.status import ApiError, FieldError, bad_request, invalid_field, invalid_kind, not_found
from sentinel_fleet.times import rfc3339_micro

LogLines = Sequence[tuple[float, str]]

_FOLLOW_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The query of a log request, checked."""

    container: str = ""
    previous: bool = False
    timestamps: bool = False
    follow: bool = False
    since: float | None = None
    tail: int | None = None
    limit_bytes: int | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str], pod: str, now: float) -> LogOptions:
        """Read and check the parameters.

        Raises:
            ApiError: 400 for malformed values, 422 for values out of range.
        """
        tail, seconds, limit = (_integer(query, name) for name in ("tailLines", "sinceSeconds", "limitBytes"))
        errors = []
        if tail is not None and tail < 0:
            errors.append(invalid_field("tailLines", tail, "must be greater than or equal to 0"))
        if limit is not None and limit < 1:
            errors.append(invalid_field("limitBytes", limit, "must be greater than 0"))
        if seconds is not None and "sinceTime" in query:
            detail = "at most one of `sinceTime` or `sinceSeconds` may be specified"
            errors.append(FieldError("FieldValueForbidden", "[]", None, detail))
        elif seconds is not None and seconds < 1:
            errors.append(invalid_field("sinceSeconds", seconds, "must be greater than 0"))
        if errors:
            raise invalid_kind("", "PodLogOptions", pod, errors)
        return cls(
            container=query.get("container", ""),
            previous=_flag(query, "previous"),
            timestamps=_flag(query, "timestamps"),
            follow=_flag(query, "follow"),
            since=_since(query, seconds, now),
            tail=tail,
            limit_bytes=limit,
        )


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if not text.removeprefix("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _flag(query: Mapping[str, str], name: str) -> bool:
    return is_true(query.get(name, "false"))


def _since(query: Mapping[str, str], seconds: int | None, now: float) -> float | None:
    if seconds is not None:
        return now - seconds
    if "sinceTime" not in query:
        return None
    at = parse_instant(query["sinceTime"])
    if at is None:
        quoted = f'"{query["sinceTime"]}"'
        raise bad_request(f'parsing time {quoted} as "2006-01-02T15:04:05Z07:00": cannot parse {quoted} as "2006"')
    return at


def choose(lines: LogLines, options: LogOptions) -> LogLines:
    """The lines a request wants: since a time first, then the tail of those."""
    wanted = [line for line in lines if options.since is None or line[0] >= options.since]
    if options.tail is None:
        return wanted
    return wanted[-options.tail :] if options.tail else []


def encode(lines: LogLines, options: LogOptions) -> bytes:
    """The lines as the kubelet sends them."""
    text = "".join(f"{rfc3339_micro(at)} {line}\n" if options.timestamps else f"{line}\n" for at, line in lines)
    return text.encode()[: options.limit_bytes]


async def pod_log(context: Context, request: web.Request, path: ResourcePath, caller: Caller) -> web.StreamResponse:
    """GET of a container's log.

    Raises:
        ApiError: 404 without the pod, 400 in the kubelet's words without the container or its log.
    """
    options = LogOptions.from_query(request.query, path.name, context.clock())
    pod = context.store.get("pods", path.name, path.namespace)
    if pod is None:
        raise not_found(path.resource, path.name)
    container = _container(pod, options.container)
    node = str(dig(pod, "spec", "nodeName") or "")
    if not node:
        return web.Response(body=b"", content_type="text/plain")
    fault = context.faults.fault("pod_logs", node)
    await suffer_kubelet(context, request, fault, node)
    if fault == "403":
        raise forbidden(Attributes(caller.user, "get", "", "pods/log", path.namespace, path.name))
    source = _Source(context, pod, container, options.previous)
    lines = [] if fault == "empty" else source.lines()
    if not options.follow or options.previous:
        return web.Response(body=encode(choose(lines, options), options), content_type="text/plain")
    return await _follow(request, source, lines, options)


def _container(pod: JsonObject, wanted: str) -> str:
    """The container meant; with several and none named, the default annotation decides, else it is an error."""
    spec, name = pod.get("spec") or {}, pod["metadata"]["name"]
    containers = [str(c["name"]) for c in objects(spec.get("containers"))]
    init = [str(c["name"]) for c in objects(spec.get("initContainers"))]
    if wanted:
        if wanted not in containers + init:
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(containers) == 1:
        return containers[0]
    text = f"a container name must be specified for pod {name}, choose one of: [{' '.join(containers)}]"
    raise bad_request(f"{text} or one of the init containers: [{' '.join(init)}]" if init else text)


@dataclass(frozen=True, slots=True)
class _Source:
    """One container's log."""

    context: Context
    pod: JsonObject
    container: str
    previous: bool

    def lines(self) -> LogLines:
        metadata = self.pod["metadata"]
        now = self.context.clock()
        found = self.context.logs.pod_log(metadata["namespace"], metadata["name"], self.container, self.previous, now)
        if found is None:
            raise self._absence()
        return found

    def _absence(self) -> ApiError:
        which = f'container "{self.container}" in pod "{self.pod["metadata"]["name"]}"'
        if self.previous:
            return bad_request(f"previous terminated {which} not found")
        statuses = objects(dig(self.pod, "status", "containerStatuses"))
        status = next((s for s in statuses if s.get("name") == self.container), {})
        reason = dig(status, "state", "waiting", "reason")
        if reason == "ErrImagePull":
            return bad_request(f"{which} is waiting to start: image can't be pulled")
        if reason == "ImagePullBackOff":
            return bad_request(f"{which} is waiting to start: trying and failing to pull image")
        return bad_request(f"{which} is waiting to start: {reason}" if reason else f"{which} is not available")

    def ended(self) -> bool:
        metadata = self.pod["metadata"]
        pod = self.context.store.get("pods", metadata["name"], metadata["namespace"])
        return pod is None or dig(pod, "status", "phase") in ("Succeeded", "Failed") or self.context.closing.is_set()


async def _follow(request: web.Request, source: _Source, lines: LogLines, options: LogOptions) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    chosen, seen = choose(lines, options), len(lines)
    try:
        while True:
            await response.write(encode(chosen, options))
            if source.ended():
                break
            await asyncio.sleep(_FOLLOW_EVERY_S)
            if request.transport is None or request.transport.is_closing():
                break
            lines = source.lines()
            chosen, seen = lines[seen:], len(lines)
        await response.write_eof()
    except ConnectionError:
        pass  # The client has left; there is nobody to tell.
    return response
