"""The asynchronous face: a channel of `grpc.aio`, and how calls are carried out over it.

`grpc.aio` reports a channel that was closed in the middle of a call as the cancellation of whoever waits. Where nobody
cancelled that task it is told that the client is closed instead; a real cancellation passes.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Generic, Protocol, TypeVar

import grpc

from sentinel_sdk.conversion import prepared, read, texts
from sentinel_sdk.errors import SentinelError, closed, on_one_line
from sentinel_sdk.failures import Failure, Reach, explained, is_unconnected
from sentinel_sdk.handshake import PATIENCE_S
from sentinel_sdk.retry import Attempts
from sentinel_sdk.rpc import Answer, Call, Item, Metadata, Method, Page, Pages, Reply, Request, Response
from sentinel_sdk.target import Policy, Target

log = logging.getLogger("sentinel_sdk")
_Made = TypeVar("_Made")


class AwaitingConnection:
    """A channel that knows whether it was closed; belongs to the event loop it was made in."""

    def __init__(self, target: Target) -> None:
        self._metadata = target.metadata
        self._reach = Reach(target)
        self._closed = asyncio.Event()
        self._to_wake: weakref.WeakSet[asyncio.Event] = weakref.WeakSet()
        self._channel = _channel_to(target)
        self._replacing = asyncio.Lock()

    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    async def close(self) -> None:
        """Close the channel; calls under way end. Closing twice does nothing."""
        self._closed.set()
        for event in self._to_wake:
            event.set()
        await self._channel.close()

    def wake(self, event: asyncio.Event) -> None:
        """Set `event`, too, when this is closed; for a stream, which has an end of its own."""
        self._to_wake.add(event)
        if self._closed.is_set():
            event.set()

    async def failure(self, error: grpc.RpcError, within_s: float = PATIENCE_S) -> Failure:
        """What a failed call means; looks at the endpoint, in another thread, where no connection was made."""
        if self.is_closed():
            return Failure(closed(), lasting=True)
        found = self._reach.failure_of(error)
        if not is_unconnected(found):
            return found
        try:
            async with asyncio.timeout(min(within_s, PATIENCE_S)):
                await self._take_up_renewed_certificates()
                looking = self._reach.look()
                return explained(found, await asyncio.wrap_future(looking)) if looking else found
        except TimeoutError:
            return found

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the client is closed."""
        await wait_for(self._closed, seconds)

    async def reply(self, call: Call[Answer], timeout_s: float) -> Reply[Response]:
        """Send once, and wait for the whole answer.

        Raises:
            grpc.RpcError: it failed.
        """
        with self.told_when_closed():
            if call.streamed:
                parts = self.stream(call.method, call.request, call.metadata, timeout_s)
                messages = [part async for part in parts]
                self._reach.answered()
                return Reply(messages, texts(await parts.trailing_metadata()))
            method = call.method
            send = self._channel.unary_unary(method.path, method.serialize, method.parse)
            metadata = self._metadata + call.metadata
            under_way = self._open(lambda: send(call.request, timeout=timeout_s, metadata=metadata))
            message = await under_way
            self._reach.answered()
            return Reply((message,), texts(await under_way.trailing_metadata()))

    def stream(
        self, method: Method[Request, Response], request: Request, metadata: Metadata, timeout_s: float | None = None
    ) -> grpc.aio.UnaryStreamCall[Request, Response]:
        """Open a stream of answers to one request; without `timeout_s` it may last for ever."""
        send = self._channel.unary_stream(method.path, method.serialize, method.parse)
        return self._open(lambda: send(request, timeout=timeout_s, metadata=self._metadata + metadata))

    def converse(self, method: Method[Request, Response]) -> Conversation[Request, Response]:
        """Open a stream in both directions."""
        send = self._channel.stream_stream(method.path, method.serialize, method.parse)
        return Conversation(self, method, lambda requests: self._open(lambda: send(requests, metadata=self._metadata)))

    async def next_of(self, method: Method[Request, Response], incoming: Incoming) -> Response | None:
        """The next message of a stream; None when the server ended it, or when the client was closed.

        Raises:
            grpc.RpcError: it broke.
        """
        try:
            message = await incoming.read()
        except asyncio.CancelledError:
            if self._closed_under_us():
                return None
            if not _is_cancelled():
                raise _replaced() from None
            raise
        return message if isinstance(message, method.response) else None

    @contextmanager
    def told_when_closed(self) -> Iterator[None]:
        """Turn the cancellation that closing, or replacing, a channel causes into the error that says so."""
        try:
            yield
        except asyncio.CancelledError:
            if self._closed_under_us():
                raise closed() from None
            if not _is_cancelled():
                raise _replaced() from None
            raise

    def _closed_under_us(self) -> bool:
        """Whether a cancellation came from closing the channel and not from somebody who cancelled the task."""
        return self.is_closed() and not _is_cancelled()

    def _open(self, begin: Callable[[], _Made]) -> _Made:
        if self.is_closed():
            raise closed()
        return begin()

    async def _take_up_renewed_certificates(self) -> None:
        """As `BlockingConnection` does it; the files are read in another thread."""
        async with self._replacing:
            target = await asyncio.to_thread(self._reach.renewed)
            if target is None or self.is_closed():
                return
            self._reach.go_on_with(target)
            replaced, self._channel = self._channel, _channel_to(target)
            await replaced.close()


def _channel_to(target: Target) -> grpc.aio.Channel:
    if (credentials := target.credentials()) is None:
        return grpc.aio.insecure_channel(target.endpoint, options=target.options)
    return grpc.aio.secure_channel(target.endpoint, credentials, options=target.options)


def _replaced() -> grpc.aio.AioRpcError:
    """What a call ends with whose channel was replaced under it; `grpc.aio` itself cancels whoever waits."""
    details = "the connection was replaced by one with renewed certificates"
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait for `event`, or for that long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _is_cancelled() -> bool:
    """Whether somebody cancelled the task that runs now."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class Incoming(Protocol):
    """A stream of answers under way."""

    async def read(self) -> object:
        """The next answer; `grpc.aio.EOF` at the end."""

    def cancel(self) -> bool:
        """End it from this side."""


class Conversation(Generic[Request, Response]):
    """A stream in both directions."""

    def __init__(
        self,
        connection: AwaitingConnection,
        method: Method[Request, Response],
        begin: Callable[[AsyncIterator[Request]], Incoming],
    ) -> None:
        self._connection = connection
        self._method = method
        self._outgoing: asyncio.Queue[Request | None] = asyncio.Queue()
        self._incoming = begin(self._requests())
        self._ended = False

    def send(self, message: Request) -> None:
        """Put a message on its way; whether it arrived is for the answers to say."""
        self._outgoing.put_nowait(message)

    async def receive(self, timeout_s: float | None = None) -> Response | None:
        """The next answer, or None when the server ended the stream, or it was ended here, or the client closed.

        Raises:
            TimeoutError: none came in time; the stream is of no further use.
            grpc.RpcError: the stream broke.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connection.next_of(self._method, self._incoming)
        except grpc.aio.AioRpcError as error:
            if self._ended:
                return None
            raise _told_apart(error) from error
        except asyncio.CancelledError:
            if self._ended and not _is_cancelled():
                return None
            raise

    def end(self) -> None:
        """End it from this side, at once."""
        self._ended = True
        self._outgoing.put_nowait(None)
        self._incoming.cancel()

    async def _requests(self) -> AsyncIterator[Request]:
        while (message := await self._outgoing.get()) is not None:
            yield message


def _told_apart(error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
    """`error`, but UNAVAILABLE where the stream ended while something was on its way out.

    `grpc.aio` then reports INTERNAL with a text of its own and never says how the server ended the stream:
    `_StreamRequestMixin._write` in https://github.com/grpc/grpc/blob/master/src/python/grpcio/grpc/aio/_call.py
    """
    if error.code() is not grpc.StatusCode.INTERNAL or error.details() != "Internal error from Core":
        return error
    details = "the stream ended while something was being sent"
    return grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE, error.initial_metadata(), error.trailing_metadata(), details
    )


async def run(connection: AwaitingConnection, policy: Policy, call: Call[Answer]) -> Answer:
    """Carry out a call, again and again as far as `policy` and the call allow."""
    attempts = Attempts(policy.retry, policy.timeout_s, repeatable=call.repeatable)
    earlier: SentinelError | None = None
    while True:
        try:
            return read(call, await connection.reply(call, attempts.remaining_s))
        except grpc.RpcError as error:
            failure = await connection.failure(error, attempts.remaining_s)
            delay_s = None if failure.lasting else attempts.delay_after(failure.error.code)
            if delay_s is None:
                raise failure.after(earlier) from error
        earlier = failure.error
        log.info("rpc.retry method=%s delay_s=%.3f error=%s", call.method.path, delay_s, on_one_line(earlier))
        await connection.pause(delay_s)


async def pages(connection: AwaitingConnection, policy: Policy, listing: Pages[Page, Item]) -> AsyncIterator[Item]:
    """The items of all pages; a page is asked for when the one before it is used up."""
    token = ""
    while True:
        page = await run(connection, policy, prepared(partial(listing.at, token)))
        for item in listing.items(page):
            yield item
        following = listing.next_token(page)
        if not following:
            return
        if following == token:
            raise SentinelError(f"the server answered the page at {token!r} with the same page token")
        token = following
