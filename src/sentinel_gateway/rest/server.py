"""The HTTP server around an application: no signal handlers of its own, and TLS that is renewed in place.

A client certificate is welcome and never required here, for the kubelet's probes have none; the one that was verified
travels with each request as ``request.state.peer_certificate``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from sentinel_gateway.domain.errors import BadConfiguration

_CLOSE_S = 2
_KEEP_ALIVE_S = 75
_MOST_CONNECTIONS = 1000
REQUEST_WITHIN_S = 30.0
"""In this time a request must come whole and its answer be taken; connections are counted, and probes need theirs."""


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket, None, None]:
    """Take an address (port 0: any free one) until the block ends; who connects waits until `serve_http` answers.

    Raises:
        BadConfiguration: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "another process listens on it" if taken else os.strerror(error.errno or 0)
        raise BadConfiguration(f"cannot listen on {host}:{port}: {why}") from error
    with listener:
        yield listener


@asynccontextmanager
async def serve_http(app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    """Serve `app` on a socket from `listening` until the block ends."""
    config = Config(
        app, http=_Connection, ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, timeout_graceful_shutdown=_CLOSE_S, timeout_keep_alive=_KEEP_ALIVE_S,
        limit_concurrency=_MOST_CONNECTIONS, ssl_context_factory=(lambda _config, _default: tls) if tls else None,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http-server")
    try:
        await server.up.wait()
        if serving.done():
            serving.result()
        yield
    finally:
        server.should_exit = True
        await serving


def tls_context(certificate: Path, key: Path, authorities: Path | None) -> ssl.SSLContext:
    """TLS with these files; a client certificate of `authorities` is looked at when there is one.

    Raises:
        BadConfiguration: the files cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if authorities:
            context.load_verify_locations(authorities)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        raise BadConfiguration(f"tls: the certificates cannot be used for REST: {error}") from error
    return context


class _Connection(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in its own base
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self.app_state = {**self.app_state, "peer_certificate": (tls.getpeercert() or None) if tls else None}
        self._look_later()

    def _look_later(self) -> None:
        self.loop.call_later(REQUEST_WITHIN_S, self._hang_up_if_stuck, self.cycle)

    def _hang_up_if_stuck(self, request_before: object) -> None:
        """Between requests uvicorn counts the time by itself, but not before the first, nor in the middle of one."""
        if self.transport.is_closing():
            return
        if self.timeout_keep_alive_task is None and self.cycle is request_before:
            self.transport.abort()
            return
        self._look_later()


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
