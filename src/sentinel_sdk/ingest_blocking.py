"""Ingest streams of a blocking client.

A stream connects when it is first used, and again whenever it must, until it is closed. The client's `default_timeout`
is how long a connection may be without a single acknowledgement before it is taken for dead and made anew.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, Self

import grpc

from sentinel_sdk.blocking import BlockingConnection, Conversation
from sentinel_sdk.conversion import prepared
from sentinel_sdk.errors import closed
from sentinel_sdk.failures import of_no_acknowledgement
from sentinel_sdk.ingest import A, B, Kind, Numbering, Sender, Unacknowledged, ended, recover
from sentinel_sdk.retry import Reconnects
from sentinel_sdk.target import Policy
from sentinel_sdk.types.message import Message


class IngestStream(Generic[B, A]):
    """Sends batches and returns their acknowledgements; may be used by several threads."""

    def __init__(
        self,
        connection: BlockingConnection,
        policy: Policy,
        kind: Kind[B, A],
        sender: Sender,
    ) -> None:
        self._connection = connection
        self._policy = policy
        self._kind = kind
        self._numbering: Numbering[B] = Numbering(kind.hostname_field, sender)
        self._unacknowledged: Unacknowledged[A] = Unacknowledged(sender.max_unacknowledged)
        self._reconnects = Reconnects(policy.retry)
        # Messages of three kinds; the kind ties them to B and A.
        self._conversation: Conversation[Any, Any] | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        connection.wake(self._ended)

    def send(self, batch: B | Sequence[Message]) -> A:
        """Send one batch, or what one holds, and wait until the server has stored it, or refused it.

        A connection that breaks is made again, without end, and what was not acknowledged is sent again in its order.
        Where `max_unacknowledged` batches are under way, this one waits its turn.

        Number, time and host name are filled in on `batch` where unset. After an error the same batch may be sent
        again: the server recognises it, whether or not it had stored it. A list is another batch each time.

        Raises:
            InvalidArgumentError: it is of another type, or empty; nothing was sent.
            ClosedError: the stream or the client was closed.
            SentinelError: a failure that connecting again does not mend.
        """
        number = self._submit(batch)
        try:
            return self._acknowledgement(number)
        finally:
            self._unacknowledged.forget([number])

    def send_all(self, batches: Iterable[B | Sequence[Message]], window: int = 16) -> Iterator[A]:
        """Send many batches with up to `window` of them under way; their acknowledgements come in the same order.

        The next batch is asked for only when its turn has come; for batches that come up now and then, use `send`.
        """
        source, under_way = iter(batches), deque[int]()
        try:
            while True:
                while len(under_way) < window and (batch := next(source, None)) is not None:
                    under_way.append(self._submit(batch))
                if not under_way:
                    return
                yield self._acknowledgement(under_way[0])
                under_way.popleft()
        finally:
            self._unacknowledged.forget(under_way)

    def close(self) -> None:
        """End the stream, from whichever thread; who waits for an acknowledgement gets a ClosedError."""
        self._ended.set()
        # Read once: another thread may disconnect at any moment.
        if (conversation := self._conversation) is not None:
            conversation.end()
        with self._lock:
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, given: B | Sequence[Message]) -> int:
        with self._lock:
            batch = prepared(lambda: self._numbering.complete(self._kind.batch_of(given)))
            message = prepared(lambda: self._numbering.message_of(batch))
            while self._unacknowledged.is_full:
                self._step()
            self._unacknowledged.add(batch.sequence_number, message)
            if self._conversation is not None:
                self._conversation.send(message)
        return batch.sequence_number

    def _acknowledgement(self, number: int) -> A:
        while True:
            with self._lock:
                if (ack := self._unacknowledged.take(number)) is not None:
                    return ack
                self._step()

    def _step(self) -> None:
        """Wait for one acknowledgement, or connect again and send what is still without one."""
        try:
            answer = self._connected().receive(self._policy.timeout_s)
            if answer is not None:
                self._unacknowledged.acknowledge(self._kind.ack.from_proto(answer))
                self._reconnects.received()
                return
            failure = of_no_acknowledgement(ended=True)
        except TimeoutError:
            failure = of_no_acknowledgement(ended=False)
        except grpc.RpcError as error:
            failure = self._connection.failure(error)
        self._disconnect()
        self._check_open()
        delay_s = recover(failure, self._kind, self._unacknowledged, self._reconnects)
        self._ended.wait(delay_s)

    def _connected(self) -> Conversation[Any, Any]:
        self._check_open()
        if self._conversation is None:
            self._reconnects.opened()
            self._conversation = self._connection.converse(self._kind.method)
            # Whoever closed the stream meanwhile could not end a conversation it did not see.
            self._check_open()
            for message in self._unacknowledged.messages():
                self._conversation.send(message)
        return self._conversation

    def _check_open(self) -> None:
        if self._connection.is_closed():
            raise closed()
        if self._ended.is_set():
            raise ended()

    def _disconnect(self) -> None:
        if self._conversation is not None:
            self._conversation.end()
            self._conversation = None
