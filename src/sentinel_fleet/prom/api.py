"""Prometheus' HTTP API over a series source.

Queries run in one worker thread: the source is read by one query at a time, and the event loop, which also serves the
fleet's Kubernetes API and its watches, stays free. A query whose client goes away is stopped.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from sentinel_fleet.ports import LabelMatcher, SeriesSource, SourceFaults
from sentinel_fleet.prom import plan
from sentinel_fleet.prom.budget import DEFAULT_TIMEOUT_S, MAX_SAMPLES, Budget
from sentinel_fleet.prom.catalogue import Catalogue, metadata, targets
from sentinel_fleet.prom.errors import PromError, bad_data, invalid_parameter
from sentinel_fleet.prom.evaluate import evaluate_instant, evaluate_range
from sentinel_fleet.prom.faults import suffer
from sentinel_fleet.prom.params import Parameters, whole_number
from sentinel_fleet.prom.parsing import parse_query, parse_selector
from sentinel_fleet.prom.respond import TRUNCATED, Json, failure, query_body, sorted_labels, success
from sentinel_fleet.prom.storage import Storage

SOURCE = "prometheus"
VERSION = "3.7.3"
"""The version whose semantics the evaluator follows."""

Compute = Callable[[Budget], bytes]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _NoSeries:
    """What an "empty" Prometheus reads from."""

    def select(self, matchers: Sequence[LabelMatcher]) -> tuple[()]:
        return ()

    def metadata(self) -> dict[str, tuple[str, str]]:
        return {}


class _Server:
    def __init__(self, series: SeriesSource, clock: Callable[[], float], faults: SourceFaults) -> None:
        self._series = series
        self._clock = clock
        self._faults = faults
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="promql")

    def routes(self) -> list[web.RouteDef]:
        """Every path of the API this server answers."""
        both = {
            "/api/v1/query": self.instant,
            "/api/v1/query_range": self.range,
            "/api/v1/series": self.list_series,
            "/api/v1/labels": self.label_names,
        }
        only_get = {
            "/api/v1/label/{name}/values": self.label_values,
            "/api/v1/metadata": self.metadata,
            "/api/v1/targets": self.targets,
        }
        routes = [web.get(path, handler) for path, handler in (both | only_get).items()]
        routes += [web.post(path, handler) for path, handler in both.items()]
        routes += [web.get(path, _constant(data)) for path, data in _CONSTANT.items()]
        routes += [web.get(path, _text(text)) for path, text in _PLAIN.items()]
        return routes

    async def worker_context(self, _: web.Application) -> AsyncIterator[None]:
        """Stop the worker when the application does."""
        yield
        self._worker.shutdown(wait=True, cancel_futures=True)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Faults first; errors in Prometheus' own shape."""
        suffered = await suffer(request, self._faults.fault(SOURCE, None))
        if suffered is not None:
            return suffered
        try:
            return await handler(request)
        except PromError as error:
            return failure(error)

    async def instant(self, request: web.Request) -> web.StreamResponse:
        parameters = await _parameters(request)
        limit, at_ms = parameters.limit(), parameters.time_ms("time", self._now_ms())

        def compute(budget: Budget) -> bytes:
            return query_body(evaluate_instant(_plan(parameters), self._storage(budget), at_ms), limit)

        return await self._run(compute, parameters.timeout_s())

    async def range(self, request: web.Request) -> web.StreamResponse:
        parameters = await _parameters(request)
        limit, steps = parameters.limit(), parameters.steps()

        def compute(budget: Budget) -> bytes:
            return query_body(evaluate_range(_plan(parameters), self._storage(budget), steps), limit)

        return await self._run(compute, parameters.timeout_s())

    async def list_series(self, request: web.Request) -> web.StreamResponse:
        parameters = await _parameters(request)
        if not parameters.all("match[]"):
            raise bad_data("no match[] parameter provided")
        return await self._list(
            parameters, lambda catalogue, selectors: [sorted_labels(labels) for labels in catalogue.series(selectors)]
        )

    async def label_names(self, request: web.Request) -> web.StreamResponse:
        return await self._list(await _parameters(request), Catalogue.label_names)

    async def label_values(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        return await self._list(
            await _parameters(request), lambda catalogue, selectors: catalogue.label_values(name, selectors)
        )

    async def _list(
        self, parameters: Parameters, enumerate_: Callable[[Catalogue, list[tuple[LabelMatcher, ...]]], list[Json]]
    ) -> web.StreamResponse:
        limit = parameters.limit()
        start_ms, end_ms = parameters.time_ms("start", 0), parameters.time_ms("end", self._now_ms())
        start_s = start_ms / 1000 if parameters.text("start") else None
        end_s = min(end_ms, self._now_ms()) / 1000

        def compute(budget: Budget) -> bytes:
            selectors = [parse_selector(text) for text in parameters.all("match[]")]
            found = enumerate_(Catalogue(self._source, budget, start_s, end_s), selectors)
            truncated = limit is not None and len(found) > limit
            return success(found[:limit], [TRUNCATED] if truncated else [])

        return await self._run(compute, parameters.timeout_s())

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        parameters = await _parameters(request)
        limit = whole_number(parameters, "limit")
        whole_number(parameters, "limit_per_metric")
        return _json(success(metadata(self._source, parameters.text("metric"), limit)))

    async def targets(self, request: web.Request) -> web.StreamResponse:
        state = request.query.get("state", "any").lower()
        pool = request.query.get("scrapePool", "")
        now_s = self._clock()

        def compute(budget: Budget) -> bytes:
            active = targets(self._source, budget, now_s) if state in ("any", "active", "") else []
            shown = [target for target in active if not pool or target["scrapePool"] == pool]
            return success({"activeTargets": shown, "droppedTargets": [], "droppedTargetCounts": {}})

        return await self._run(compute, DEFAULT_TIMEOUT_S)

    @property
    def _source(self) -> SeriesSource:
        return _NoSeries() if self._faults.fault(SOURCE, None) == "empty" else self._series

    def _storage(self, budget: Budget) -> Storage:
        return Storage(self._source, budget, self._now_ms())

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)

    async def _run(self, compute: Compute, timeout_s: float) -> web.StreamResponse:
        budget = Budget(timeout_s)
        try:
            return _json(await asyncio.get_running_loop().run_in_executor(self._worker, compute, budget))
        except RecursionError as error:
            raise bad_data("parse error: query is nested too deeply") from error
        finally:
            budget.cancel()


def prometheus_app(series: SeriesSource, clock: Callable[[], float], faults: SourceFaults) -> web.Application:
    """Prometheus' HTTP API; `clock` gives epoch seconds."""
    server = _Server(series, clock, faults)
    app = web.Application(middlewares=[server.middleware])
    app.cleanup_ctx.append(server.worker_context)
    app.add_routes(server.routes())
    return app


async def _parameters(request: web.Request) -> Parameters:
    values: dict[str, list[str]] = {}
    if request.method == "POST":
        for name, value in (await request.post()).items():
            if isinstance(value, str):
                values.setdefault(name, []).append(value)
    for name, value in request.query.items():
        values.setdefault(name, []).append(value)
    return Parameters(values)


def _plan(parameters: Parameters) -> plan.Node:
    if parameters.text("lookback_delta"):
        raise bad_data("lookback_delta is not supported by this server")
    try:
        return parse_query(parameters.text("query"))
    except PromError as error:
        raise invalid_parameter("query", error.message) from error


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _constant(data: Json) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return _json(success(data))

    return handler


def _text(text: str) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text)

    return handler


_CONSTANT: dict[str, Json] = {
    "/api/v1/rules": {"groups": []},
    "/api/v1/alerts": {"alerts": []},
    "/api/v1/status/buildinfo": {
        "version": VERSION,
        "revision": "simulated",
        "branch": "HEAD",
        "buildUser": "sentinel-fleet",
        "buildDate": "",
        "goVersion": "",
    },
    "/api/v1/status/flags": {
        "query.lookback-delta": "5m",
        "query.max-samples": str(MAX_SAMPLES),
        "query.timeout": f"{DEFAULT_TIMEOUT_S:.0f}s",
    },
}

_PLAIN = {
    "/": "Prometheus of a simulated fleet; the API is under /api/v1.\n",
    "/-/healthy": "Prometheus Server is Healthy.\n",
    "/-/ready": "Prometheus Server is Ready.\n",
}
