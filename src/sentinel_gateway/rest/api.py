"""The read API over HTTP, the probes for Kubernetes, and metrics. Nothing can be changed here.

The routes and shapes are those of the reference's API document; its POST route is not offered, for what changes a GPU
goes through gRPC, where ids make it happen once and people approve it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import Denied, GatewayError, NotKnown, Refused, Unauthenticated
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Window
from sentinel_gateway.domain.roles import GRANTS, Caller, Permission
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.rest.answers import Json, answer, on_gateway_error, on_unexpected_error, refusal
from sentinel_gateway.rest.audit import audit_answer
from sentinel_gateway.rest.health_json import fleet_answer, gpu_answer, history_answer, trust_answer
from sentinel_gateway.rest.queries import Query

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAMES = {404: "NOT_FOUND", 405: "UNIMPLEMENTED"}

Endpoint = Callable[[Request], Awaitable[Response]]
Metrics = Callable[[], Awaitable[bytes]]


class Condition(Protocol):
    """How the gateway itself is."""

    def is_ready(self) -> bool:
        """Whether calls are answered."""

    async def report(self) -> Mapping[str, Json]:
        """What /api/v1/health says."""


class Doorkeeper(Protocol):
    """Knows callers, and writes down who was refused."""

    def caller(self, request: Request) -> Caller:
        """Who asks; `Unauthenticated` where nobody we know does."""

    def refused(self, who: str, what: str, why: str, peer: str) -> None:
        """Somebody was not let in."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the API reads."""

    core: Core
    ledger: LedgerReader
    condition: Condition
    doorkeeper: Doorkeeper
    metrics: Metrics


def api(sources: Sources) -> Starlette:
    """The whole application."""
    reads = _Reads(sources)
    guarded = {
        "/api/v1/fleet": (Permission.READ, reads.fleet),
        "/api/v1/gpu/{uuid}": (Permission.READ, reads.gpu),
        "/api/v1/gpu/{uuid}/history": (Permission.READ, reads.history),
        "/api/v1/trust": (Permission.READ, reads.trust),
        "/api/v1/audit": (Permission.AUDIT, reads.audit),
    }
    routes = [
        Route(path, _guarded(sources.doorkeeper, path, *behind), methods=["GET"]) for path, behind in guarded.items()
    ]
    return Starlette(
        routes=[*routes, *_open(sources)],
        exception_handlers={
            GatewayError: on_gateway_error,
            HTTPException: _no_route,
            Exception: on_unexpected_error,
        },
    )


def metrics_only(metrics: Metrics) -> Starlette:
    """/metrics alone, for an address of its own."""

    async def scrape(request: Request) -> Response:
        return Response(await metrics(), headers={"content-type": _METRICS_TYPE})

    return Starlette(routes=[Route("/metrics", scrape)])


def _open(sources: Sources) -> list[Route]:
    """What needs no role: it says nothing about single GPUs."""
    condition = sources.condition

    async def health(request: Request) -> Response:
        Query(request.query_params, ())
        return answer(dict(await condition.report()), 200 if condition.is_ready() else 503)

    async def ok(request: Request) -> Response:
        return PlainTextResponse("OK")

    async def ready(request: Request) -> Response:
        return PlainTextResponse("OK") if condition.is_ready() else PlainTextResponse("not ready", 503)

    async def scrape(request: Request) -> Response:
        return Response(await sources.metrics(), headers={"content-type": _METRICS_TYPE})

    paths: dict[str, Endpoint] = {
        "/api/v1/health": health, "/health": ready, "/livez": ok, "/readyz": ready, "/metrics": scrape,
    }  # fmt: skip
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in paths.items()]


def _guarded(doorkeeper: Doorkeeper, path: str, needed: Permission, endpoint: Endpoint) -> Endpoint:
    async def allowed(request: Request) -> Response:
        caller: Caller | None = None
        try:
            caller = doorkeeper.caller(request)
            if not caller.may(needed):
                able = ", ".join(role for role, granted in GRANTS.items() if needed in granted)
                raise Denied(f"{path} needs the permission {needed!s} (roles: {able})")
        except Refused as error:
            why = "unauthenticated" if isinstance(error, Unauthenticated) else "denied"
            peer = request.client.host if request.client else ""
            doorkeeper.refused(caller.name if caller else "unknown", f"GET {path}", why, peer)
            raise
        return await endpoint(request)

    return allowed


def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = f"there is no {request.method} {request.url.path}; the read API is GET only, changes go through gRPC"
    return refusal(status, _NAMES.get(status, "UNKNOWN"), words)


class _Reads:
    """The guarded routes."""

    def __init__(self, sources: Sources) -> None:
        self._core = sources.core
        self._ledger = sources.ledger

    async def fleet(self, request: Request) -> Response:
        query = Query(request.query_params, ("hostname_prefix", "model", "state"), repeated=frozenset({"state"}))
        states = query.members("state", HealthState)
        wanted = FleetFilter(query.text("hostname_prefix"), query.text("model"), states)
        return answer(fleet_answer(await self._core.fleet(wanted)))

    async def gpu(self, request: Request) -> Response:
        Query(request.query_params, ())
        return answer(gpu_answer(await self._core.gpu_health(_uuid(request), with_sms=True)))

    async def history(self, request: Request) -> Response:
        query = Query(request.query_params, ("start", "end", "limit", "page_token"))
        window = Window(query.time_ns("start"), query.time_ns("end"))
        page = await self._core.history(
            _uuid(request), window, query.limit(100, 10_000), page_token=query.text("page_token")
        )
        return answer(history_answer(page))

    async def trust(self, request: Request) -> Response:
        Query(request.query_params, ())
        graph = await self._core.trust_graph()
        return await asyncio.to_thread(lambda: answer(trust_answer(graph)))  # up to probes.max_pairs edges

    async def audit(self, request: Request) -> Response:
        return answer(await audit_answer(self._ledger, request.query_params))


def _uuid(request: Request) -> str:
    uuid = str(request.path_params["uuid"])
    if not uuid:
        raise NotKnown("name a GPU")
    return uuid
