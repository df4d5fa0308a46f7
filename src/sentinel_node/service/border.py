"""Everything a call passes through on its way in and out: known, allowed, decoded, answered, in one interceptor.

Messages are decoded here and not by gRPC, whose answer to bytes that are no message would be UNKNOWN with the text of a
Python exception. When the node stops, calls under way are cancelled and told UNAVAILABLE.

A server takes so many calls at once. No caller may have more than a part of these places, and an answer that is not
read gives its place back: one credential would otherwise mute the node for all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc import StatusCode
from grpc.aio import AbortError, ServerInterceptor

from sentinel_node.domain.access import AccessRules
from sentinel_node.domain.errors import Busy, Denied, Invalid, Unauthenticated
from sentinel_node.service.authentication import CALLER, Context, caller_of
from sentinel_node.service.methods import METHODS, OPEN
from sentinel_node.service.status import answer_of

log = structlog.get_logger(__name__)

MOST_OF_ONE = 16
"""Calls of one caller at once: all GPUs of a large node probed side by side, and as many questions."""
WRITE_S = 30.0
"""For one message to be taken: much longer than 4 MiB need over any network that is of use."""
Wire = Any
"""A message of whichever method it is, or its bytes; the border sees them all."""
Handler: TypeAlias = "grpc.RpcMethodHandler[Wire, Wire]"


class Border(ServerInterceptor):
    """What stands between the wire and the service."""

    def __init__(self, rules: Callable[[], AccessRules]) -> None:
        """Take where the newest rules come from."""
        self._rules = rules
        self._guarded: dict[str, Handler] = {}
        self._under_way: set[asyncio.Task[Wire]] = set()
        self._writing: set[asyncio.Task[Wire]] = set()
        self._calls: Counter[str] = Counter()
        self._stopping = False

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a method with everything around it; None, as gRPC has it, where there is no such method."""
        method = handler_call_details.method
        if METHODS.get(method, "") == OPEN:
            return await continuation(handler_call_details)
        if method not in self._guarded:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._guarded[method] = self._guard(method, handler)
        return self._guarded[method]

    def stop(self) -> None:
        """End what is under way; what begins from now on ends at once."""
        self._stopping = True
        for call in self._under_way - self._writing:
            call.cancel()

    def _guard(self, method: str, handler: Handler) -> Handler:
        if handler.request_streaming:
            return self._conversing(method, handler)
        if handler.response_streaming:
            return self._streamed(method, handler)
        behaviour: Wire = handler.unary_unary

        async def answered(raw: bytes, context: Context) -> Wire:
            async with self._call(method, context):
                return await behaviour(_decoded(handler, raw), context)

        return grpc.unary_unary_rpc_method_handler(answered, None, handler.response_serializer)

    def _streamed(self, method: str, handler: Handler) -> Handler:
        behaviour: Wire = handler.unary_stream

        async def streamed(raw: bytes, context: Context) -> None:
            async with self._call(method, context):
                await self._write_all(behaviour(_decoded(handler, raw), context), context)

        return grpc.unary_stream_rpc_method_handler(streamed, None, handler.response_serializer)

    def _conversing(self, method: str, handler: Handler) -> Handler:
        behaviour: Wire = handler.stream_stream

        async def conversing(raw: AsyncIterator[bytes], context: Context) -> None:
            async with self._call(method, context):
                asked = (_decoded(handler, one) async for one in raw)
                await self._write_all(behaviour(asked, context), context)

        return grpc.stream_stream_rpc_method_handler(conversing, None, handler.response_serializer)

    async def _write_all(self, answers: Wire, context: Context) -> None:
        async with aclosing(answers):
            async for answer in answers:
                await self._write(answer, context)

    async def _write(self, answer: Wire, context: Context) -> None:
        """Send one answer. It is not cancelled in the middle: gRPC would then take no status any more."""
        task = asyncio.current_task()
        if task is None:
            raise asyncio.CancelledError
        self._writing.add(task)
        try:
            async with asyncio.timeout(WRITE_S):
                await context.write(answer)
        except TimeoutError as error:
            log.warning("call.not_read", caller=CALLER.get().name, peer=context.peer(), within_s=WRITE_S)
            raise asyncio.CancelledError from error  # no status can be sent behind what is not read
        finally:
            self._writing.discard(task)
        if self._stopping:
            raise asyncio.CancelledError

    @asynccontextmanager
    async def _call(self, method: str, context: Context) -> AsyncIterator[None]:
        task = asyncio.current_task()
        try:
            if self._stopping or task is None:
                raise asyncio.CancelledError
            self._under_way.add(task)
            with self._place_of(self._admit(method, context)):
                yield
        except AbortError:
            raise
        except asyncio.CancelledError:
            if self._stopping and not context.cancelled() and task is not None:
                task.uncancel()
                await context.abort(StatusCode.UNAVAILABLE, "the node agent is stopping")
            raise
        except Exception as error:  # noqa: BLE001  the border of every call: nothing else may decide what leaves
            code, words = answer_of(error, method)
            await context.abort(code, words)
        finally:
            if task is not None:
                self._under_way.discard(task)

    @contextmanager
    def _place_of(self, caller: str) -> Iterator[None]:
        if self._calls[caller] >= MOST_OF_ONE:
            raise Busy(f"{caller!r} has {MOST_OF_ONE} calls under way, which is the most for one caller; ask again")
        self._calls[caller] += 1
        try:
            yield
        finally:
            self._calls[caller] -= 1
            if not self._calls[caller]:
                del self._calls[caller]

    def _admit(self, method: str, context: Context) -> str:
        """The caller's name."""
        caller = None
        try:
            if method not in METHODS:
                raise Denied(f"{method} is in no role's list")
            caller = caller_of(context, self._rules())
            needed = METHODS[method]
            caller.check(None if needed == OPEN else needed)
        except (Unauthenticated, Denied) as error:
            who = caller.name if caller else ""
            log.warning("access.refused", method=method, caller=who, peer=context.peer(), reason=str(error))
            raise
        CALLER.set(caller)
        return caller.name


def _decoded(handler: Handler, raw: bytes) -> Wire:
    try:
        return handler.request_deserializer(raw) if handler.request_deserializer else raw
    except DecodeError as error:
        raise Invalid("the request is no message of this method's type") from error
