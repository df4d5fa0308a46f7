"""Streams that are followed for as long as somebody wants, over as many connections as it takes, or over a single one.

What is followed is a `Course`: it knows where to go on after a broken connection. How a connection is made again is the
same for all of them, in both faces.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from typing import Any, ClassVar, Generic, TypeVar

import grpc
from google.protobuf.message import Message as Proto

from sentinel_sdk.awaiting import AwaitingConnection
from sentinel_sdk.blocking import BlockingConnection
from sentinel_sdk.errors import ClosedError, InvalidArgumentError, SentinelError, from_status
from sentinel_sdk.failures import Failure, wait_after
from sentinel_sdk.retry import Reconnects, RetryConfig
from sentinel_sdk.rpc import Metadata, Method

Item = TypeVar("Item")


class Course(ABC, Generic[Item]):
    """Something that is followed; belongs to one follower."""

    method: ClassVar[Method[Any, Any]]  # which messages are sent and come is each course's own affair
    ends_with_the_server: ClassVar[bool]
    """False: a server that ends the stream is going away, and is connected to again."""

    @abstractmethod
    def request(self) -> Proto:
        """What to ask on the next connection."""

    def metadata(self) -> Metadata:
        """What to send with it."""
        return ()

    @abstractmethod
    def read(self, message: Any) -> Item | None:  # noqa: ANN401 - of the method's own class
        """What a message says; None for what was delivered before."""

    def handled(self, item: Item) -> None:
        """It was delivered, and whoever follows came back for more: the next connection goes on after it."""


def follow(connection: BlockingConnection, retry: RetryConfig, course: Course[Item]) -> Generator[Item]:
    """The items as they come, until the client is closed.

    Raises:
        SentinelError: a failure that connecting again does not mend.
    """
    reconnects = Reconnects(retry)
    while not connection.is_closed():
        reconnects.opened()
        try:
            incoming = connection.stream(course.method, course.request(), course.metadata())
        except ClosedError:
            return
        try:
            for message in incoming:
                reconnects.received()
                item = _read(course, message)
                if item is not None:
                    yield item
                    course.handled(item)
            if course.ends_with_the_server:
                return
            failure = _of_an_end()
        except grpc.RpcError as error:
            failure = connection.failure(error)
        finally:
            incoming.cancel()
        if connection.is_closed():
            return
        connection.pause(wait_after(failure, reconnects, course.method.path))


async def afollow(connection: AwaitingConnection, retry: RetryConfig, course: Course[Item]) -> AsyncGenerator[Item]:
    """The same, asynchronously."""
    reconnects = Reconnects(retry)
    while not connection.is_closed():
        reconnects.opened()
        incoming = connection.stream(course.method, course.request(), course.metadata())
        try:
            while (message := await connection.next_of(course.method, incoming)) is not None:
                reconnects.received()
                item = _read(course, message)
                if item is not None:
                    yield item
                    course.handled(item)
            if course.ends_with_the_server:
                return
            failure = _of_an_end()
        except grpc.RpcError as error:
            failure = await connection.failure(error)
        finally:
            incoming.cancel()
        if connection.is_closed():
            return
        await connection.pause(wait_after(failure, reconnects, course.method.path))


def follow_once(connection: BlockingConnection, course: Course[Item], seconds: float) -> Generator[Item]:
    """The items that come over one connection, for so many seconds, or until the server or the client ends it.

    Raises:
        InvalidArgumentError: not for a time above 0.
        SentinelError (when it is iterated over): the connection could not be made, nothing answered, or it broke.
    """
    return _followed_once(connection, course, _checked(seconds))


def afollow_once(connection: AwaitingConnection, course: Course[Item], seconds: float) -> AsyncGenerator[Item]:
    """The same, asynchronously."""
    return _afollowed_once(connection, course, _checked(seconds))


def _followed_once(connection: BlockingConnection, course: Course[Item], seconds: float) -> Generator[Item]:
    incoming = connection.stream(course.method, course.request(), course.metadata(), seconds)
    is_up = False
    try:
        for message in incoming:
            is_up = True
            item = _read(course, message)
            if item is not None:
                yield item
    except grpc.RpcError as error:
        if connection.is_closed() or _is_over(error, is_up=is_up or bool(incoming.initial_metadata())):
            return
        raise connection.failure(error).error from error
    finally:
        incoming.cancel()


async def _afollowed_once(connection: AwaitingConnection, course: Course[Item], seconds: float) -> AsyncGenerator[Item]:
    incoming = connection.stream(course.method, course.request(), course.metadata(), seconds)
    is_up = False
    try:
        while (message := await connection.next_of(course.method, incoming)) is not None:
            is_up = True
            item = _read(course, message)
            if item is not None:
                yield item
    except grpc.RpcError as error:
        if connection.is_closed() or _is_over(error, is_up=is_up or bool(await incoming.initial_metadata())):
            return
        raise (await connection.failure(error)).error from error
    finally:
        incoming.cancel()


def _is_over(error: grpc.RpcError, *, is_up: bool) -> bool:
    """Whether a stream lasted as long as it was wanted; what nobody ever answered did not last.

    gRPC tells no empty metadata from none, so the server has to send some, or a message.
    """
    return is_up and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def _checked(seconds: float) -> float:
    if not 0 < seconds < math.inf:
        raise InvalidArgumentError(f"`lasting` must be a number of seconds above 0, not {seconds!r}")
    return seconds


def _read(course: Course[Item], message: Proto) -> Item | None:
    try:
        return course.read(message)
    except OverflowError as error:
        raise SentinelError(f"a message of {course.method.path} cannot be read: {error}") from error


def _of_an_end() -> Failure:
    return Failure(from_status(grpc.StatusCode.UNAVAILABLE, "the server ended the stream"))
