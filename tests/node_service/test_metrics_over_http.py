"""Clients that are slow, or many, keep nobody from hearing that the agent lives, nor it from ending."""

from __future__ import annotations

import asyncio
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from sentinel_node.app import heartbeat, metrics_http
from sentinel_node.app.heartbeat import DEAD_AFTER_S, Heartbeat
from sentinel_serving.setting_values import Address

WITHIN_S = 20.0


@contextmanager
def served(lives: Callable[[], bool] = lambda: True) -> Iterator[int]:
    told = metrics_http.Told(lambda: b"a 1\n", lambda: True, lives)
    with metrics_http.metrics_served(Address("127.0.0.1", 0), told) as port:
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


def test_of_too_many_at_once_the_oldest_is_ended_and_the_newest_is_answered(monkeypatch):
    monkeypatch.setattr(metrics_http, "_MOST_CONNECTIONS", 2)
    monkeypatch.setattr(metrics_http, "_REQUEST_S", 4 * WITHIN_S)
    monkeypatch.setattr(metrics_http._Handler, "timeout", None)

    with ExitStack() as opened, served() as port:
        first, second = slow(port, opened), slow(port, opened)
        assert livez(port) == b"alive\n"
        assert is_ended(first)
        second.sendall(b"\r\n\r\n")
        assert second.recv(1000)


async def test_a_loop_that_stands_still_is_no_life():
    now_s = 1000.0
    heart = Heartbeat(lambda: now_s)

    with heart.beating(), served(heart.lives) as port:
        assert livez(port) == b"alive\n"
        now_s += DEAD_AFTER_S
        with pytest.raises(urllib.error.HTTPError, match="503"):
            livez(port)


async def test_a_loop_that_turns_goes_on_beating(monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.001)
    now_s = 1000.0
    heart = Heartbeat(lambda: now_s)

    with heart.beating():
        now_s += DEAD_AFTER_S
        async with asyncio.timeout(WITHIN_S):
            while not heart.lives():  # noqa: ASYNC110  a heart tells nobody when it beats
                await asyncio.sleep(0.001)
