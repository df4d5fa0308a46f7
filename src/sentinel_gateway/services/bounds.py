"""How much callers may have under way at once: calls and streams of everybody, and streams of one address.

gRPC can refuse by itself, but then it says neither which limit it was nor who could raise it, and it would refuse the
probes of Kubernetes as well, which would end a gateway for being busy. Addresses are counted rather than callers: a
fleet of agents shares one certificate, and whoever opens streams without end does so from some machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sentinel_gateway.domain.errors import Busy


class Bounds:
    """Counts what is under way."""

    def __init__(self, *, max_calls: int, max_streams_per_peer: int) -> None:
        """`max_streams_per_peer` of 0 is no bound."""
        self._max_calls = max_calls
        self._max_streams = max_streams_per_peer
        self._calls = 0
        self._streams: Counter[str] = Counter()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Hold a place while a call or stream is under way.

        Raises:
            Busy: there is none; names the limit.
        """
        if self._calls >= self._max_calls:
            raise Busy(
                f"{self._calls} calls and streams are under way, as many as this gateway takes (grpc.max_calls): try"
                " again later"
            )
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    @contextmanager
    def stream(self, peer: str) -> Iterator[None]:
        """Hold one of the places of a stream's address; `peer` is as gRPC names it.

        Raises:
            Busy: the address has as many as it may; names the limit.
        """
        host = host_of(peer)
        if self._max_streams and self._streams[host] >= self._max_streams:
            raise Busy(
                f"{self._streams[host]} streams from {host} are open, as many as one address may have"
                " (grpc.max_streams_per_peer): close some, or try again later"
            )
        self._streams[host] += 1
        try:
            yield
        finally:
            self._streams[host] -= 1
            if not self._streams[host]:
                del self._streams[host]


def host_of(peer: str) -> str:
    """The address of a peer without its port, such as ``10.0.0.7`` of ``ipv4:10.0.0.7:51234``."""
    kind, _, address = peer.partition(":")
    host = address.rpartition(":")[0] if kind in ("ipv4", "ipv6") else address
    return host.replace("%5B", "").replace("%5D", "").strip("[]") or kind
