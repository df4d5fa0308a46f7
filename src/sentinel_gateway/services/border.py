"""Everything a call passes through on its way in and out, in this order: measured, counted, known, allowed, decoded,
answered.

One interceptor rather than five, for each would wrap every message of every stream once more. Messages are decoded here
and not by gRPC, whose answer to bytes that are no message would be UNKNOWN with the text of a Python exception.

A stream lives as long as its client wants. When the gateway stops it is cancelled and told UNAVAILABLE, upon which
clients connect again; what a stream had not acknowledged is sent again and counted once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, aclosing, asynccontextmanager
from inspect import isasyncgenfunction
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc import StatusCode
from grpc.aio import AbortError, ServerInterceptor

from sentinel_gateway.domain.access import AccessRules
from sentinel_gateway.domain.errors import Denied, Invalid, Unauthenticated
from sentinel_gateway.domain.roles import GRANTS, Caller, Permission
from sentinel_gateway.services.authentication import CALLER, Context, caller_of, calling
from sentinel_gateway.services.bounds import Bounds
from sentinel_gateway.services.methods import METHODS, OPEN
from sentinel_gateway.services.status import answer_of

Wire = Any
"""A message of whichever method it is, or its bytes; the border sees them all."""

Handler: TypeAlias = "grpc.RpcMethodHandler[Wire, Wire]"
Check: TypeAlias = Callable[[], None]
"""Raises where the caller may no longer go on."""
Decoder: TypeAlias = Callable[[Wire, Check], Wire]
"""A message out of its bytes, or a stream of them."""
_UNTIMED = frozenset({"/sentinel.v1.AuditService/VerifyChain"})
"""Takes as long as the ledger is; its caller's deadline still ends it."""


class Meter(Protocol):
    """Where calls are counted."""

    def called(self, method: str, code: StatusCode, duration_s: float) -> None:
        """A call with one answer ended."""

    def streamed(self, method: str, code: StatusCode) -> None:
        """A stream ended."""

    def streams(self, change: int) -> None:
        """A stream began (1) or ended (-1)."""


class RefusalBook(Protocol):
    """Where refused calls are written down."""

    def refused(self, who: str, what: str, why: str, peer: str) -> None:
        """Somebody was not let in."""


class Border(ServerInterceptor):
    """What stands between the wire and every service."""

    def __init__(
        self,
        rules: Callable[[], AccessRules],
        meter: Meter,
        refusals: RefusalBook,
        bounds: Bounds,
        *,
        unary_timeout_s: float,
    ) -> None:
        self._rules = rules
        self._bounds = bounds
        self._meter = meter
        self._refusals = refusals
        self._unary_timeout_s = unary_timeout_s
        self._guarded: dict[str, Handler] = {}
        self._streams: set[asyncio.Task[Wire]] = set()
        self._stopping = False

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a method with everything around it; None, as gRPC has it, where no service has the method."""
        method = handler_call_details.method
        if method not in self._guarded:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._guarded[method] = self._guard(method, handler)
        return self._guarded[method]

    def end_streams(self) -> None:
        """Tell every stream to go; those that begin from now on go at once."""
        self._stopping = True
        for stream in self._streams:
            stream.cancel()

    def _guard(self, method: str, handler: Handler) -> Handler:
        if handler.request_streaming:
            behaviour: Wire = handler.stream_stream if handler.response_streaming else handler.stream_unary
        else:
            behaviour = handler.unary_stream if handler.response_streaming else handler.unary_unary
        decode = _decoder(handler.request_deserializer, streaming=handler.request_streaming)
        if handler.response_streaming:
            return self._streamed(method, handler, behaviour, decode)

        async def answered(raw: Wire, context: Context) -> Wire:
            async with self._call(method, context), asyncio.timeout(self._limit_s(method)):
                return await behaviour(decode(raw, _no_check), context)

        build = grpc.stream_unary_rpc_method_handler if handler.request_streaming else _unary
        return build(answered, None, handler.response_serializer)

    def _streamed(self, method: str, handler: Handler, behaviour: Wire, decode: Decoder) -> Handler:
        async def streamed(raw: Wire, context: Context) -> None:
            async with self._call(method, context, streaming=True), self._open_stream():
                check = self._still_admitted(method, context)
                asked = decode(raw, check)
                if not isasyncgenfunction(behaviour):
                    await behaviour(asked, context)
                    return
                async with aclosing(behaviour(asked, context)) as answers:
                    async for answer in answers:
                        check()
                        await context.write(answer)

        build = grpc.stream_stream_rpc_method_handler if handler.request_streaming else _unary_stream
        return build(streamed, None, handler.response_serializer)

    def _limit_s(self, method: str) -> float | None:
        return None if method in _UNTIMED else self._unary_timeout_s

    @asynccontextmanager
    async def _call(self, method: str, context: Context, *, streaming: bool = False) -> AsyncIterator[None]:
        began = time.monotonic()
        code = StatusCode.OK
        try:
            with self._place(method, context, streaming=streaming):
                self._admit(method, context)
                yield
        except AbortError:
            code = _code(context.code())
            raise
        except asyncio.CancelledError:
            code = StatusCode.CANCELLED
            if self._stopping and not context.cancelled() and (task := asyncio.current_task()):
                task.uncancel()
                code = StatusCode.UNAVAILABLE
                await context.abort(code, "the gateway is stopping; connect again")
            raise
        except Exception as error:  # noqa: BLE001  the border of every call: nothing else may decide what leaves
            self._note_refusal(error, method, context)
            code, words = answer_of(error, method)
            await context.abort(code, words)
        finally:
            if streaming:
                self._meter.streamed(method, code)
            else:
                self._meter.called(method, code, time.monotonic() - began)

    def _place(self, method: str, context: Context, *, streaming: bool) -> ExitStack:
        """What a call occupies until it ends; a health check occupies nothing and is answered when all is full."""
        with ExitStack() as held:
            if streaming or METHODS.get(method) != OPEN:
                held.enter_context(self._bounds.call())
            if streaming:
                held.enter_context(self._bounds.stream(context.peer()))
            return held.pop_all()

    def _admit(self, method: str, context: Context) -> None:
        needed = METHODS.get(method)
        if needed == OPEN:
            return
        caller = caller_of(context, self._rules)
        CALLER.set(caller)
        _allow(caller, method, needed)

    def _note_refusal(self, error: Exception, method: str, context: Context) -> None:
        """Also where a service refuses: a type that may not be recorded, a directive of one's own."""
        if isinstance(error, Unauthenticated):
            self._refusals.refused("unknown", method, "unauthenticated", context.peer())
        elif isinstance(error, Denied):
            self._refusals.refused(calling().name, method, "denied", context.peer())

    def _still_admitted(self, method: str, context: Context) -> Check:
        """To be asked at every message of a stream, which may outlive its caller's token or role."""
        rules = self._rules()

        def check() -> None:
            nonlocal rules
            if (newest := self._rules()) is not rules:
                self._admit(method, context)
                rules = newest

        return check

    @asynccontextmanager
    async def _open_stream(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        if self._stopping or task is None:
            raise asyncio.CancelledError
        self._streams.add(task)
        self._meter.streams(1)
        try:
            yield
        finally:
            self._streams.discard(task)
            self._meter.streams(-1)


def _allow(caller: Caller, method: str, needed: Permission | None) -> None:
    if needed is None:
        raise Denied(f"{method} is in no role's list")
    if not caller.may(needed):
        able = ", ".join(role for role, granted in GRANTS.items() if needed in granted)
        has = ", ".join(sorted(caller.roles)) or "no role"
        raise Denied(f"{method} needs the permission {needed!s} (roles: {able}); {caller.name!r} has {has}")


def _decoder(deserialize: Callable[[bytes], Wire] | None, *, streaming: bool) -> Decoder:
    def one(raw: bytes, _check: Check = _no_check) -> Wire:
        try:
            return deserialize(raw) if deserialize else raw
        except DecodeError as error:
            raise Invalid("the request is no message of this method's type") from error

    async def each(raw: AsyncIterator[bytes], check: Check) -> AsyncIterator[Wire]:
        async for message in raw:
            check()
            yield one(message)

    return each if streaming else one


def _no_check() -> None:
    """A call with one answer is admitted once."""


def _code(code: object) -> StatusCode:
    """gRPC keeps the code of a call as its number."""
    return next((status for status in StatusCode if status.value[0] == code or status is code), StatusCode.UNKNOWN)


_unary = grpc.unary_unary_rpc_method_handler
_unary_stream = grpc.unary_stream_rpc_method_handler
