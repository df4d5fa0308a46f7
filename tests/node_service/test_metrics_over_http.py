"""Clients that are slow, or many, keep nobody from hearing that the agent lives, nor it from ending."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sentinel_node.app import metrics_http
from sentinel_node.app.setting_values import Address

WITHIN_S = 20.0


@contextmanager
def served() -> Iterator[int]:
    with metrics_http.metrics_served(Address("127.0.0.1", 0), lambda: b"a 1\n", lambda: True) as port:
        yield port


def livez(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=WITHIN_S) as answer:
        return bytes(answer.read())


def slow(port: int, opened: ExitStack) -> socket.socket:
    """A client that has begun its request and does not go on."""
    client = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S))
    client.sendall(b"GET /livez HTTP/1.1\r\nX: ")
    return client


def is_ended(client: socket.socket) -> bool:
    """Whether the server closes the connection, politely or not."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_slow_client_keeps_no_other_waiting_and_not_the_end():
    began_s = time.monotonic()
    with ExitStack() as opened, served() as port:
        slow(port, opened)
        assert livez(port) == b"alive\n"

    assert time.monotonic() - began_s < metrics_http._REQUEST_S


def test_a_request_has_a_deadline_as_a_whole(monkeypatch):
    monkeypatch.setattr(metrics_http._Handler, "timeout", None)
    monkeypatch.setattr(metrics_http, "_REQUEST_S", 0.05)

    with ExitStack() as opened, served() as port:
        assert is_ended(slow(port, opened))


def test_too_many_at_once_are_turned_away_until_others_have_ended(monkeypatch):
    monkeypatch.setattr(metrics_http, "_MOST_CONNECTIONS", 1)
    monkeypatch.setattr(metrics_http, "_REQUEST_S", 4 * WITHIN_S)
    monkeypatch.setattr(metrics_http._Handler, "timeout", None)

    with ExitStack() as opened, served() as port:
        first, second = slow(port, opened), slow(port, opened)
        assert is_ended(second)
        first.sendall(b"\r\n\r\n")
        while first.recv(1000):
            pass
        assert livez(port) == b"alive\n"
