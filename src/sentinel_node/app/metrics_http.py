"""`/metrics` for Prometheus, `/livez` and `/readyz` for the kubelet, which cannot speak TLS with certificates.

A thread of its own answers, so that it does while the loop is busy; it is the standard library's server, one request at
a time, for nobody else asks.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import ClassVar

from prometheus_client import CONTENT_TYPE_LATEST

from sentinel_node.app.setting_values import Address
from sentinel_node.domain.errors import BadConfiguration

_PLAIN = "text/plain; charset=utf-8"
_READ_TIMEOUT_S = 5.0
_POLL_S = 0.1


@contextmanager
def metrics_served(address: Address, text: Callable[[], bytes], is_ready: Callable[[], bool]) -> Iterator[int]:
    """Answer until the block ends; gives the port.

    Raises:
        BadConfiguration: the address cannot be bound.
    """

    class Handler(_Handler):
        answers: ClassVar = {
            "/metrics": lambda: (HTTPStatus.OK, CONTENT_TYPE_LATEST, text()),
            "/livez": lambda: (HTTPStatus.OK, _PLAIN, b"alive\n"),
            "/readyz": lambda: _readiness(is_ready=is_ready()),
        }

    server = _server(address, Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(_POLL_S), name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _readiness(*, is_ready: bool) -> tuple[HTTPStatus, str, bytes]:
    if is_ready:
        return HTTPStatus.OK, _PLAIN, b"ready\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, b"starting or stopping\n"


class _Handler(BaseHTTPRequestHandler):
    """Answers three paths."""

    answers: ClassVar[dict[str, Callable[[], tuple[HTTPStatus, str, bytes]]]] = {}
    timeout = _READ_TIMEOUT_S

    def do_GET(self) -> None:
        """Answer."""
        answer = self.answers.get(self.path.partition("?")[0])
        status, kind, body = answer() if answer else (HTTPStatus.NOT_FOUND, _PLAIN, b"there is /metrics here\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
        """Requests of the kubelet are no news."""


class _Server(TCPServer):
    """Not the library's HTTP server, which asks DNS for the machine's name before it listens."""

    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _ServerOverIpv6(_Server):
    """The same over IPv6."""

    address_family = socket.AF_INET6


def _server(address: Address, handler: type[BaseHTTPRequestHandler]) -> _Server:
    kind = _ServerOverIpv6 if ":" in address.host else _Server
    try:
        return kind((address.host, address.port), handler)
    except OSError as error:
        raise BadConfiguration(
            f"metrics_listen: cannot listen on {address}: {error.strerror}; another address is chosen with"
            " SENTINEL_NODE_METRICS_LISTEN"
        ) from error
