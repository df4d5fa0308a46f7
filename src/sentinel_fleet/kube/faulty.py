"""Broken information sources: a scenario says which, and the API server then fails as a real one would.

`refuse` resets the connection, `timeout` holds the request without an answer, `403` and `503` are Status objects, and
`empty` is left to the handler, which answers well-formed nothing.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from sentinel_fleet.kube.context import Context
from sentinel_fleet.kube.status import internal, unavailable

_PATIENCE_S = 3600.0
_LIVENESS_S = 0.5


class Hangup(Exception):
    """Raised when a request gets no answer at all."""


async def suffer(context: Context, request: web.Request, fault: str | None) -> None:
    """Act out the faults that keep a request from being looked at.

    Raises:
        Hangup: the connection was reset.
        ApiError: 503.
    """
    if fault == "refuse":
        _reset(request)
    if fault == "timeout":
        await hold(context, request)
        _reset(request)
    if fault == "503":
        raise unavailable("the server is currently unable to handle the request")


async def suffer_kubelet(context: Context, request: web.Request, fault: str | None, node: str) -> None:
    """Act out the faults of what lies behind the API server: the kubelet of one node.

    Raises:
        Hangup: the connection was reset, after a silence the client did not outlast.
        ApiError: 500 as for a kubelet that cannot be reached, 503.
    """
    if fault == "refuse":
        raise internal(f"error dialing backend: dial tcp {node}:10250: connect: connection refused")
    await suffer(context, request, fault)


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise Hangup


async def hold(context: Context, request: web.Request) -> None:
    """Say nothing until the client gives up or the server closes."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    while asyncio.get_running_loop().time() < deadline:
        if context.closing.is_set() or request.transport is None or request.transport.is_closing():
            return
        try:
            async with asyncio.timeout(_LIVENESS_S):
                await context.closing.wait()
        except TimeoutError:
            continue
