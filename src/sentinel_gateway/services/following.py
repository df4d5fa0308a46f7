"""How a service hands on what it follows: heard at once, and let go of when the stream ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import TypeVar, cast

from sentinel_gateway.services.authentication import Context

T = TypeVar("T")
_BEGINNING = (("sentinel-stream", "open"),)
"""Clients of gRPC cannot tell empty metadata from none, and some want to know whether anybody answered."""


class _Closable(AsyncIterator[T]):
    async def aclose(self) -> None: ...


@asynccontextmanager
async def following(followed: AsyncIterator[T], context: Context) -> AsyncIterator[AsyncIterator[T]]:
    """`followed`, a generator of the core; the caller hears the stream's beginning before there is anything to tell."""
    await context.send_initial_metadata(_BEGINNING)
    closing: AbstractAsyncContextManager[AsyncIterator[T]] = aclosing(cast("_Closable[T]", followed))
    async with closing as told:
        yield told
