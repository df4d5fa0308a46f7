"""Following directives as they happen: what was already delivered, and where to go on after a broken connection.

A directive that waits for a person is sent twice, first when it begins to wait and again when it is approved, so what
is delivered once is the pair of id and approval. After a broken connection the server is asked for everything after the
last directive that was handled; what it repeats nevertheless is dropped.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass

import grpc

from sentinel.v1 import quarantine_pb2
from sentinel_sdk import methods
from sentinel_sdk.awaiting import AwaitingConnection
from sentinel_sdk.blocking import BlockingConnection
from sentinel_sdk.conversion import can_be_sent
from sentinel_sdk.errors import ClosedError
from sentinel_sdk.failures import Failure
from sentinel_sdk.retry import Reconnects, RetryConfig
from sentinel_sdk.rpc import Metadata
from sentinel_sdk.types.enums import QuarantineAction
from sentinel_sdk.types.quarantine import QuarantineDirective

log = logging.getLogger("sentinel_sdk")
RESUME_METADATA = "sentinel-resume-after"
_REMEMBERED = 10_000
"""How many delivered directives are known again; far more than any server sends twice."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which directives are wanted."""

    hostname_filter: str
    action_filter: QuarantineAction

    def request(self) -> quarantine_pb2.DirectiveSubscription:
        """The subscription for the wire."""
        request = quarantine_pb2.DirectiveSubscription(hostname_filter=self.hostname_filter)
        # mypy-protobuf wants the wire's own enumeration, whose numbers are the same.
        request.action_filter = int(self.action_filter)  # type: ignore[assignment]
        return request


class Progress:
    """What was delivered so far."""

    def __init__(self) -> None:
        self._last = ""
        self._delivered: OrderedDict[tuple[str, bool], None] = OrderedDict()

    def metadata(self) -> Metadata:
        """What tells the server where to go on; empty on the first connection."""
        return ((RESUME_METADATA, self._last),) if self._last and can_be_sent(self._last) else ()

    def is_new(self, directive: QuarantineDirective) -> bool:
        """Whether it was not delivered before."""
        return _event(directive) not in self._delivered

    def delivered(self, directive: QuarantineDirective) -> None:
        """It was handled: a connection that breaks now goes on after it."""
        if not directive.directive_id:
            return
        self._last = directive.directive_id
        self._delivered[_event(directive)] = None
        if len(self._delivered) > _REMEMBERED:
            self._delivered.popitem(last=False)


def follow(connection: BlockingConnection, retry: RetryConfig, wanted: Subscription) -> Generator[QuarantineDirective]:
    """The directives as they come, until the client is closed or the server ends the stream.

    Raises:
        SentinelError: a failure that reconnecting does not mend.
    """
    progress, reconnects = Progress(), Reconnects(retry)
    while not connection.is_closed():
        reconnects.opened()
        try:
            incoming = connection.stream(methods.STREAM_DIRECTIVES, wanted.request(), progress.metadata())
        except ClosedError:
            return
        try:
            for message in incoming:
                reconnects.received()
                directive = QuarantineDirective.from_proto(message)
                if progress.is_new(directive):
                    yield directive
                    progress.delivered(directive)
            return
        except grpc.RpcError as error:
            failure = connection.failure(error)
            if connection.is_closed():
                return
            delay_s = wait_after(failure, reconnects, methods.STREAM_DIRECTIVES.path)
        finally:
            incoming.cancel()
        connection.pause(delay_s)


async def afollow(
    connection: AwaitingConnection, retry: RetryConfig, wanted: Subscription
) -> AsyncGenerator[QuarantineDirective]:
    """The same, asynchronously."""
    progress, reconnects = Progress(), Reconnects(retry)
    while not connection.is_closed():
        reconnects.opened()
        incoming = connection.stream(methods.STREAM_DIRECTIVES, wanted.request(), progress.metadata())
        try:
            while (message := await connection.next_of(methods.STREAM_DIRECTIVES, incoming)) is not None:
                reconnects.received()
                directive = QuarantineDirective.from_proto(message)
                if progress.is_new(directive):
                    yield directive
                    progress.delivered(directive)
            return
        except grpc.RpcError as error:
            failure = await connection.failure(error)
            if connection.is_closed():
                return
            delay_s = wait_after(failure, reconnects, methods.STREAM_DIRECTIVES.path)
        finally:
            incoming.cancel()
        await connection.pause(delay_s)


def wait_after(failure: Failure, reconnects: Reconnects, path: str) -> float:
    """How long to wait before opening the stream again, in seconds.

    Raises:
        SentinelError: it is no use.
    """
    delay_s = None if failure.lasting else reconnects.delay_after(failure.error.code)
    if delay_s is None:
        raise failure.error
    log.warning("stream.reconnect method=%s delay_s=%.3f error=%s", path, delay_s, failure.error)
    return delay_s


def _event(directive: QuarantineDirective) -> tuple[str, bool]:
    return directive.directive_id, directive.approval is not None
