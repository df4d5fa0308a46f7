"""`/metrics` for Prometheus, `/livez` and `/readyz` for the kubelet, which cannot speak TLS with certificates.

Threads of its own answer, so that it does while the loop is busy: the standard library's server, a thread for each
request. A client that is slow has its own thread and a deadline for the whole request, so it holds up nobody else and
not the end; of too many at once the oldest are ended. The newest must not be: whoever keeps all places open would
otherwise keep the kubelet from hearing that the agent lives, and so have it restarted for ever.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, ClassVar

from prometheus_client import CONTENT_TYPE_LATEST

from sentinel_node.domain.errors import BadConfiguration
from sentinel_serving.setting_values import Address

_PLAIN = "text/plain; charset=utf-8"
_REQUEST_S = 5.0
"""For a request as a whole, from the connection to the last byte of the answer."""
_MOST_CONNECTIONS = 32
_POLL_S = 0.1
_STOP_S = 1.0
"""For the server to stop listening: a few polls."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered; all of it is asked from threads."""

    text: Callable[[], bytes]
    """Metrics for Prometheus."""
    is_ready: Callable[[], bool]
    is_alive: Callable[[], bool]


@contextmanager
def metrics_served(address: Address, told: Told) -> Iterator[int]:
    """Answer until the block ends; gives the port.

    Raises:
        BadConfiguration: the address cannot be bound.
    """

    class Handler(_Handler):
        answers: ClassVar = {
            "/metrics": lambda: (HTTPStatus.OK, CONTENT_TYPE_LATEST, told.text()),
            "/livez": lambda: _whether(told.is_alive(), "alive", "the event loop stands still"),
            "/readyz": lambda: _whether(told.is_ready(), "ready", "starting or stopping"),
        }

    server = _server(address, Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(_POLL_S), name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        stopping = threading.Thread(target=server.shutdown, name="metrics-stop", daemon=True)
        stopping.start()
        stopping.join(_STOP_S)
        server.server_close()


def _whether(holds: bool, yes: str, no: str) -> tuple[HTTPStatus, str, bytes]:  # noqa: FBT001 - what is answered
    if holds:
        return HTTPStatus.OK, _PLAIN, f"{yes}\n".encode()
    return HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, f"{no}\n".encode()


class _Handler(BaseHTTPRequestHandler):
    """Answers three paths."""

    answers: ClassVar[dict[str, Callable[[], tuple[HTTPStatus, str, bytes]]]] = {}
    timeout = _REQUEST_S

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


class _Server(ThreadingMixIn, TCPServer):
    """Not the library's HTTP server, which asks DNS for the machine's name before it listens."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._lock = threading.Lock()
        self._ends_s: dict[Any, float] = {}
        super().__init__(address, handler)

    def verify_request(self, request: Any, client_address: object) -> bool:  # noqa: ANN401  as the library has it
        """Make room for one more; its time runs from now on."""
        with self._lock:
            oldest = next(iter(self._ends_s)) if len(self._ends_s) >= _MOST_CONNECTIONS else None
            self._ends_s.pop(oldest, None)
            self._ends_s[request] = time.monotonic() + _REQUEST_S
        if oldest is not None:
            _end(oldest)
        return True

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401  as the library has it
        """Close a connection that was answered, ended or has failed."""
        with self._lock:
            self._ends_s.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """At every poll: end the connections whose time is over, whatever their threads wait for."""
        now_s = time.monotonic()
        with self._lock:
            late = [request for request, ends_s in self._ends_s.items() if ends_s <= now_s]
        for request in late:
            _end(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def _end(request: socket.socket) -> None:
    with suppress(OSError):  # It has ended meanwhile.
        request.shutdown(socket.SHUT_RDWR)


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
