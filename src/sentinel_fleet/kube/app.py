"""The simulated Kubernetes API server as one aiohttp application: kubectl, curl and client libraries use it unchanged.

Every request goes one way: faults of the source, who asks, whether they may, then the handler of its verb. Refusals are
raised as `ApiError` wherever they arise and become `metav1.Status` here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

from aiohttp import web

from sentinel_fleet.kube import discovery, openapi, protobuf
from sentinel_fleet.kube.admission import admit
from sentinel_fleet.kube.authz import Attributes, Rules, access_review, forbidden, rules_review
from sentinel_fleet.kube.bodies import parse_document
from sentinel_fleet.kube.body import Body
from sentinel_fleet.kube.context import Caller, Context, KubeSettings
from sentinel_fleet.kube.decoding import Place, WrongValue
from sentinel_fleet.kube.deletion import delete, delete_collection
from sentinel_fleet.kube.evict import evict, keep_budgets
from sentinel_fleet.kube.faulty import Hangup, suffer
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.listing import ListOptions, Page, list_page
from sentinel_fleet.kube.logs import pod_log
from sentinel_fleet.kube.node_taints import keep_cordon_taints
from sentinel_fleet.kube.nodelogs import node_proxy
from sentinel_fleet.kube.patching import patch
from sentinel_fleet.kube.paths import ResourcePath, parse_path
from sentinel_fleet.kube.record import Record, to_json
from sentinel_fleet.kube.render import Renderer, negotiate
from sentinel_fleet.kube.selectors import BadSelector, Selector, parse_selector
from sentinel_fleet.kube.status import ApiError, bad_request, internal, not_found, unknown_resource
from sentinel_fleet.kube.store import ObjectStore, WriteRequest
from sentinel_fleet.kube.watch import WatchRequest, WatchStream
from sentinel_fleet.kube.writes import create, update
from sentinel_fleet.ports import LogSource, SourceFaults

_MAX_BODY = 3 * 1024 * 1024
_NOWHERE = "404 page not found\n"
_log = logging.getLogger(__name__)


def kube_app(
    store: ObjectStore,
    logs: LogSource,
    faults: SourceFaults,
    clock: Callable[[], float],
    rules: Rules | None = None,
    settings: KubeSettings | None = None,
) -> web.Application:
    """The API server over a store; `clock` gives epoch seconds."""
    context = Context(store, logs, faults, clock, rules or Rules(), settings or KubeSettings())
    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_route("*", "/{path:.*}", _Server(context).handle)
    app.cleanup_ctx.append(_life(context))
    app.on_shutdown.append(_closer(context))
    keep_budgets(store)
    keep_cordon_taints(store)
    return app


def _life(context: Context) -> Callable[[web.Application], AsyncIterator[None]]:
    async def life(_: web.Application) -> AsyncIterator[None]:
        yield
        for timer in context.timers:
            timer.cancel()

    return life


def _closer(context: Context) -> Callable[[web.Application], Awaitable[None]]:
    async def close(_: web.Application) -> None:
        context.closing.set()
        context.store.end_watches("close")

    return close


def _json(document: JsonObject, code: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=to_json(document), status=code, content_type="application/json", headers=headers)


class _Server:
    """The dispatcher: from a request to the handler of its verb, and from errors to responses."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        try:
            return await self._answer(request)
        except ApiError as error:
            return _json(error.status, error.code, error.headers)
        except Hangup:
            return web.Response(status=503)  # Never seen: the connection is gone.
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - the RPC border: a fault of ours becomes a 500 Status
            _log.exception("request failed: %s %s", request.method, request.path)
            return _json(internal(repr(error)).status, 500)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        context = self._context
        fault = context.faults.fault("kubernetes", None)
        await suffer(context, request, fault)
        user = context.rules.authenticate(request.headers.get("Authorization", ""))
        caller = Caller(user, request.headers.get("User-Agent", ""))
        review = _review(request)
        if review is not None:
            return await self._answer_review(request, review, caller, refused=fault == "403")
        path = parse_path(request.method, request.path)
        if path is None:
            return self._document(request)
        if request.method == "GET":
            return await self._read(request, path, caller, fault)
        return await self._write(request, path, caller, fault)

    def _authorize(self, path: ResourcePath, verb: str, caller: Caller, fault: str | None) -> None:
        asked = Attributes(caller.user, verb, path.resource.group, path.attribute, path.namespace, path.name)
        if fault == "403" or not self._context.rules.allows(asked):
            raise forbidden(asked)
        makes_it_served = verb == "create" and not path.resource.installable
        if not self._context.store.served(path.resource) and not makes_it_served:
            raise self._nothing_at(path)

    def _nothing_at(self, path: ResourcePath) -> Exception:
        """The refusal of a kind that is not served; whose group is not there at all, that is no path to the server."""
        versions = discovery.group_versions(self._context.store).get(path.resource.group, ())
        return unknown_resource() if path.resource.version in versions else web.HTTPNotFound(text=_NOWHERE)

    async def _read(
        self, request: web.Request, path: ResourcePath, caller: Caller, fault: str | None
    ) -> web.StreamResponse:
        context = self._context
        options = ListOptions.from_query(request.query) if path.verb == "list" else ListOptions()
        verb = "watch" if options.watch else path.verb
        self._authorize(path, verb, caller, fault)
        if path.subresource == "log":
            return await pod_log(context, request, path, caller)
        if path.subresource == "proxy":
            return await node_proxy(context, request, path, caller)
        include = request.query.get("includeObject", "")
        renderer = Renderer(path.resource, negotiate(request.headers.get("Accept", "")), context.clock(), include)
        if path.verb == "get":
            return self._object(path, renderer)
        selector = _selector(path, request.query)
        if options.watch:
            return await WatchStream(context, request, WatchRequest(selector, options, renderer)).run()
        collection = context.store.collection(path.resource.plural)
        page = list_page(collection, selector, options, context.store.resource_version)
        if fault == "empty":
            page = Page([], page.rv)
        return web.Response(body=renderer.many(page.records, page.metadata()), content_type="application/json")

    def _object(self, path: ResourcePath, renderer: Renderer) -> web.Response:
        record = self._context.store.record(path.resource.plural, path.name, path.namespace)
        if record is None:
            raise not_found(path.resource, path.name)
        return web.Response(body=renderer.one(record), content_type="application/json")

    async def _write(
        self, request: web.Request, path: ResourcePath, caller: Caller, fault: str | None
    ) -> web.StreamResponse:
        body = Body(await request.read(), _content_type(request), request.query)
        try:
            self._authorize(path, path.verb, caller, fault)
            admit(self._context.store.webhooks, path, dry_run=body.dry_run)
            response = await self._carry_out(request, path, body, caller)
        except ApiError as error:
            self._note(request, body, caller, error.code)
            raise
        except web.HTTPNotFound as error:
            self._note(request, body, caller, error.status)
            raise
        self._note(request, body, caller, response.status)
        return response

    def _note(self, request: web.Request, body: Body, caller: Caller, status: int) -> None:
        text = body.data.decode(errors="replace")
        line = WriteRequest(request.method, request.path, caller.user_agent, text, request.query_string, status)
        store = self._context.store
        (store.dry_runs if body.dry_run else store.writes).append(line)

    async def _carry_out(self, request: web.Request, path: ResourcePath, body: Body, caller: Caller) -> web.Response:
        context = self._context
        body.check(path.verb)
        renderer = Renderer(path.resource, "object", context.clock())
        if path.subresource == "eviction":
            return _json({**await evict(context, path, body), "code": 201}, 201)
        if path.verb == "delete":
            left = delete(context, path, body)
            return _bytes(renderer.one(left)) if isinstance(left, Record) else _json(left)
        if path.verb == "deletecollection":
            gone = delete_collection(context, path, body, _selector(path, request.query))
            rv = str(context.store.resource_version)
            return _bytes(renderer.many(gone, {"resourceVersion": rv}))
        act = {"create": create, "update": update, "patch": patch}[path.verb]
        written = act(context, path, body, caller)
        form = Renderer(path.resource, negotiate(request.headers.get("Accept", "")), context.clock())
        code = 201 if written.created else 200
        return _bytes(form.one(written.record), code, written.unknown if body.warns else ())

    async def _answer_review(
        self, request: web.Request, wanted: tuple[str, str], caller: Caller, *, refused: bool
    ) -> web.Response:
        group, kind = wanted
        spec = _review_spec(await request.read(), _content_type(request), kind)
        review = {"kind": kind, "apiVersion": f"{group}/v1", "metadata": {"creationTimestamp": None}, "spec": spec}
        rules, user = self._context.rules, caller.user
        if kind == "SelfSubjectAccessReview":
            return _json(access_review(rules, user, review, refused=refused), 201)
        if kind == "SelfSubjectRulesReview":
            rows = [] if refused else discovery.served(self._context.store)
            return _json(rules_review(rules, user, review, rows), 201)
        info = {"userInfo": {"username": user.name, "groups": list(user.groups)}}
        return _json({**review, "status": info}, 201)

    def _document(self, request: web.Request) -> web.Response:
        """Everything that is no resource: health, version, discovery, OpenAPI."""
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="405 method not allowed\n")
        path, store = request.path.rstrip("/"), self._context.store
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        found: JsonObject | None = None
        if path == "/version":
            found = discovery.version_info(self._context.settings.version)
        elif path.startswith("/openapi/v3"):
            name = path.removeprefix("/openapi/v3").strip("/")
            found = openapi.document(store, name) if name else openapi.index(store)
        else:
            found = _discovery(store, path.strip("/").split("/"), request.host)
        return _json(found) if found is not None else web.Response(status=404, text=_NOWHERE)


def _discovery(store: ObjectStore, parts: list[str], host: str) -> JsonObject | None:
    if parts == ["api"]:
        return discovery.core_versions(host)
    if parts == ["apis"]:
        return discovery.group_list(store)
    if parts[0] == "api" and len(parts) == 2:
        return discovery.resource_list(store, "", parts[1])
    if parts[0] == "apis" and len(parts) == 2:
        return discovery.group(store, parts[1])
    if parts[0] == "apis" and len(parts) == 3:
        return discovery.resource_list(store, parts[1], parts[2])
    return (
        {"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]}
        if parts == [""]
        else None
    )


def _review(request: web.Request) -> tuple[str, str] | None:
    """Group and kind of a self-review request, None for any other."""
    parts = request.path.strip("/").split("/")
    if request.method != "POST" or len(parts) != 4 or parts[0] != "apis" or parts[2] != "v1":
        return None
    kind = discovery.REVIEWS.get((parts[1], parts[3]))
    return (parts[1], kind) if kind else None


def _review_spec(data: bytes, content_type: str, kind: str) -> JsonObject:
    if content_type == protobuf.CONTENT_TYPE:
        return protobuf.parse_review(data, kind)
    review = parse_document(data, content_type)
    spec = review.get("spec", {}) if isinstance(review, dict) else review
    if not isinstance(spec, dict):
        why = WrongValue(Place("spec", "spec", kind), f"{kind}Spec", spec)
        raise bad_request(f'{kind} in version "v1" cannot be handled as a {kind}: {why}')
    return spec


def _content_type(request: web.Request) -> str:
    """The body's media type, empty where the client names none."""
    return request.content_type if "Content-Type" in request.headers else ""


def _bytes(body: bytes, code: int = 200, unknown: Iterable[str] = ()) -> web.Response:
    """An answer, with a Warning for every field that was sent and that there is not."""
    response = web.Response(body=body, status=code, content_type="application/json")
    for place in unknown:
        response.headers.add("Warning", f"299 - {json.dumps(f'unknown field {json.dumps(place)}')}")
    return response


def _selector(path: ResourcePath, query: Mapping[str, str]) -> Selector:
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    try:
        return parse_selector(path.resource, path.namespace, labels, fields)
    except BadSelector as error:
        raise bad_request(str(error)) from error
