"""Serves /livez, /readyz and /metrics in the running event loop.

uvicorn is used as a library: the port is bound by us first, so that a busy one is a plain error of configuration, and
signals stay with `serve`, which drains on the first. In the same loop on purpose: a loop that stands still answers no
probe, and the kubelet restarts the pod.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn import Config, Server

from gcm_sentinel.app.health import Health, Report
from gcm_sentinel.app.metrics import AgentMetrics
from gcm_sentinel.app.metrics.agent import CONTENT_TYPE
from gcm_sentinel.domain.errors import BadConfiguration

log = structlog.get_logger(__name__)

ANY_ADDRESS = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104  the kubelet and Prometheus come from outside the pod
_CLOSE_S = 2


def endpoints(health: Health, metrics: AgentMetrics, more: Sequence[Route] = ()) -> Starlette:
    """The three endpoints, and `more`, as an application."""

    async def livez(request: Request) -> Response:
        return _answer(await health.live())

    async def readyz(request: Request) -> Response:
        return _answer(await health.ready())

    async def scrape(request: Request) -> Response:
        return Response(metrics.expose(), headers={"content-type": CONTENT_TYPE})

    own = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", scrape)]
    return Starlette(routes=[*own, *more])


def _answer(report: Report) -> Response:
    return JSONResponse(report.to_json(), status_code=200 if report.ok else 503, headers={"cache-control": "no-store"})


@asynccontextmanager
async def serve_http(app: Starlette, port: int, *, host: str = ANY_ADDRESS) -> AsyncIterator[int]:
    """Serve `app` on `port` (0 for any free one) until the block ends; gives the port.

    Raises:
        BadConfiguration: the port cannot be bound.
    """
    with _bound(host, port) as listener:
        bound_port = int(listener.getsockname()[1])
        server = _Server(
            Config(
                app, lifespan="off", log_config=None, access_log=False, server_header=False,
                timeout_graceful_shutdown=_CLOSE_S,
            )
        )  # fmt: skip
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="http-server")
        try:
            await server.up.wait()
            if serving.done():
                serving.result()
            log.info("http.serving", port=bound_port)
            yield bound_port
        finally:
            server.should_exit = True
            await serving


class _Server(Server):
    """uvicorn without its signal handlers, and with a word when it listens, or has failed to."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            self.up.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextmanager
def _bound(host: str, port: int) -> Generator[socket.socket, None, None]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")
    except OSError as error:
        raise BadConfiguration(_why_not(port, error)) from error
    with listener:
        yield listener


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        why = "another process listens on it; choose a free port, or 0 for no endpoints"
    elif error.errno == errno.EACCES:
        why = "ports below 1024 need more rights than this process has; choose a higher one"
    else:
        why = os.strerror(error.errno) if error.errno else str(error)
    return f"GCM_SENTINEL_HTTP_PORT={port}: {why}"
