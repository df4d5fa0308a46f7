"""Bounds what callers without a name may keep open: streams of health, by number and by time.

A server takes so many calls at once, and a stream that waits for news is one of them for as long as its caller likes.
Whoever needs no name could so take every place from those who have one. A caller that was cut off may ask again.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from grpc import StatusCode
from grpc.aio import ServerInterceptor

from sentinel_node.service.authentication import Context
from sentinel_node.service.methods import METHODS, OPEN

MOST_STREAMS = 8
LONGEST_S = 60.0

Wire = Any
"""A message, or an iterator of them, of whichever method it is."""
Handler: TypeAlias = "grpc.RpcMethodHandler[Wire, Wire]"


class OpenCalls(ServerInterceptor):
    """Counts the streams of open methods, all together, and ends those that last too long."""

    def __init__(self) -> None:
        self._longest_s = LONGEST_S
        self._streams = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a method, bounded where it is open and answers with a stream."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler.response_streaming or METHODS.get(handler_call_details.method, "") != OPEN:
            return handler
        bounded = self._bounded(handler.unary_stream)
        return grpc.unary_stream_rpc_method_handler(bounded, handler.request_deserializer, handler.response_serializer)

    def _bounded(self, behaviour: Wire) -> Wire:
        async def bounded(request: Wire, context: Context) -> None:
            if self._streams >= MOST_STREAMS:
                words = f"{self._streams} health streams are open, which is the most; ask again"
                await context.abort(StatusCode.RESOURCE_EXHAUSTED, words)
            self._streams += 1
            try:
                async with asyncio.timeout(self._longest_s):
                    await _answered(behaviour(request, context), context)
            except TimeoutError:
                words = f"a health stream lasts {self._longest_s:g} s at most; ask again"
                await context.abort(StatusCode.DEADLINE_EXCEEDED, words)
            finally:
                self._streams -= 1

        return bounded


async def _answered(answers: Wire, context: Context) -> None:
    """Both kinds of servicers: one that yields its answers, and one that writes them."""
    if not inspect.isasyncgen(answers):
        await answers
        return
    async for answer in answers:
        await context.write(answer)
