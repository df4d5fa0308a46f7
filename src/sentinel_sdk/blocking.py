"""The blocking face: a channel of `grpc`, and how calls are carried out over it.

Closing may happen in another thread at any moment; whoever waits here then wakes, and is told that the
client is closed.
"""

from __future__ import annotations

import logging
import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
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
_Received = TypeVar("_Received", covariant=True)


class Incoming(Protocol[_Received]):
    """A stream of answers under way."""

    def __iter__(self) -> Iterator[_Received]: ...

    def cancel(self) -> object:
        """End it from this side; whoever iterates gets an error with CANCELLED."""

    def initial_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """What the server sent at the beginning; waits for it."""

    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """What the server sent at the end."""


class BlockingConnection:
    """A channel that knows whether it was closed."""

    def __init__(self, target: Target) -> None:
        self._metadata = target.metadata
        self._reach = Reach(target)
        self._closed = threading.Event()
        self._to_wake: weakref.WeakSet[threading.Event] = weakref.WeakSet()
        self._waking = threading.Lock()
        self._channel = _channel_to(target)
        self._replacing = threading.Lock()

    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    def close(self) -> None:
        """Close the channel; calls under way end. Closing twice does nothing."""
        with self._waking:
            self._closed.set()
            for event in self._to_wake:
                event.set()
        with self._replacing:
            self._channel.close()

    def wake(self, event: threading.Event) -> None:
        """Set `event`, too, when this is closed; for a stream, which has an end of its own."""
        with self._waking:
            self._to_wake.add(event)
            if self._closed.is_set():
                event.set()

    def failure(self, error: grpc.RpcError, within_s: float = PATIENCE_S) -> Failure:
        """What a failed call means; looks at the endpoint where no connection was made."""
        if self.is_closed():
            return Failure(closed(), lasting=True)
        found = self._reach.failure_of(error)
        if not is_unconnected(found):
            return found
        self._take_up_renewed_certificates()
        if (looking := self._reach.look()) is None:
            return found
        try:
            return explained(found, looking.result(min(within_s, PATIENCE_S)))
        except TimeoutError:
            return found

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the client is closed."""
        self._closed.wait(seconds)

    def reply(self, call: Call[Answer], timeout_s: float) -> Reply[Response]:
        """Send once, and wait for the whole answer.

        Raises:
            grpc.RpcError: it failed.
        """
        if call.streamed:
            parts = self.stream(call.method, call.request, call.metadata, timeout_s)
            messages = tuple(parts)
            self._reach.answered()
            return Reply(messages, texts(parts.trailing_metadata()))
        method, metadata = call.method, self._metadata + call.metadata

        def send(channel: grpc.Channel) -> tuple[Response, grpc.Call]:
            calling = channel.unary_unary(method.path, method.serialize, method.parse)
            return calling.with_call(call.request, timeout=timeout_s, metadata=metadata)

        message, ended = self._open(send)
        self._reach.answered()
        return Reply((message,), texts(ended.trailing_metadata()))

    def stream(
        self, method: Method[Request, Response], request: Request, metadata: Metadata, timeout_s: float | None = None
    ) -> Incoming[Response]:
        """Open a stream of answers to one request; without `timeout_s` it may last for ever."""
        kinds, everything = (method.serialize, method.parse), self._metadata + metadata
        return self._open(
            lambda channel: channel.unary_stream(method.path, *kinds)(request, timeout=timeout_s, metadata=everything)
        )

    def converse(self, method: Method[Request, Response]) -> Conversation[Request, Response]:
        """Open a stream in both directions."""
        kinds = (method.serialize, method.parse)
        return Conversation(
            lambda requests: self._open(
                lambda channel: channel.stream_stream(method.path, *kinds)(requests, metadata=self._metadata)
            )
        )

    def _open(self, begin: Callable[[grpc.Channel], _Made]) -> _Made:
        while True:
            channel = self._channel
            if self.is_closed():
                raise closed()
            try:
                return begin(channel)
            except ValueError as error:
                # What gRPC raises for a channel that another thread closed in between.
                if self.is_closed():
                    raise closed() from error
                if channel is self._channel:
                    raise

    def _take_up_renewed_certificates(self) -> None:
        """Where certificates were renewed on disk: another channel, because one keeps the credentials it was made with.

        The old one is closed, or it would go on knocking with the old ones. What is still under way on it is cut off,
        like by a server that goes away.
        """
        with self._replacing:
            target = self._reach.renewed()
            if target is None or self.is_closed():
                return
            self._reach.go_on_with(target)
            replaced, self._channel = self._channel, _channel_to(target)
            replaced.close()


def _channel_to(target: Target) -> grpc.Channel:
    if (credentials := target.credentials()) is None:
        return grpc.insecure_channel(target.endpoint, options=target.options)
    return grpc.secure_channel(target.endpoint, credentials, options=target.options)


class Conversation(Generic[Request, Response]):
    """A stream in both directions. A thread of its own reads, because gRPC's iterator knows no deadline."""

    def __init__(self, begin: Callable[[Iterator[Request]], Incoming[Response]]) -> None:
        self._outgoing: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Response | grpc.RpcError | None] = queue.SimpleQueue()
        self._incoming = begin(iter(self._outgoing.get, None))
        self._reader = threading.Thread(target=self._read, name="sentinel-sdk-reader", daemon=True)
        self._reader.start()

    def send(self, message: Request) -> None:
        """Put a message on its way; whether it arrived is for the answers to say."""
        self._outgoing.put(message)

    def receive(self, timeout_s: float | None = None) -> Response | None:
        """The next answer, or None when the server ended the stream.

        Raises:
            TimeoutError: none came in time.
            grpc.RpcError: the stream broke.
        """
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(answer, grpc.RpcError):
            raise answer
        return answer

    def end(self) -> None:
        """End it from this side, at once."""
        self._outgoing.put(None)
        self._incoming.cancel()
        self._reader.join()

    def _read(self) -> None:
        try:
            for message in self._incoming:
                self._answers.put(message)
        except grpc.RpcError as error:
            self._answers.put(error)
        else:
            self._answers.put(None)


def run(connection: BlockingConnection, policy: Policy, call: Call[Answer]) -> Answer:
    """Carry out a call, again and again as far as `policy` and the call allow."""
    attempts = Attempts(policy.retry, policy.timeout_s, repeatable=call.repeatable)
    earlier: SentinelError | None = None
    while True:
        try:
            return read(call, connection.reply(call, attempts.remaining_s))
        except grpc.RpcError as error:
            failure = connection.failure(error, attempts.remaining_s)
            delay_s = None if failure.lasting else attempts.delay_after(failure.error.code)
            if delay_s is None:
                raise failure.after(earlier) from error
        earlier = failure.error
        log.info("rpc.retry method=%s delay_s=%.3f error=%s", call.method.path, delay_s, on_one_line(earlier))
        connection.pause(delay_s)


def pages(connection: BlockingConnection, policy: Policy, listing: Pages[Page, Item]) -> Iterator[Item]:
    """The items of all pages; a page is asked for when the one before it is used up."""
    token = ""
    while True:
        page = run(connection, policy, prepared(partial(listing.at, token)))
        yield from listing.items(page)
        following = listing.next_token(page)
        if not following:
            return
        if following == token:
            raise SentinelError(f"the server answered the page at {token!r} with the same page token")
        token = following
