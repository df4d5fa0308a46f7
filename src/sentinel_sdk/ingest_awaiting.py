"""Ingest streams of an asynchronous client; `ingest_blocking` with the waiting done by the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Any, Generic, Self

import grpc

from sentinel_sdk.awaiting import AwaitingConnection, Conversation, wait_for
from sentinel_sdk.conversion import prepared
from sentinel_sdk.errors import closed
from sentinel_sdk.failures import of_no_acknowledgement
from sentinel_sdk.ingest import A, B, Kind, Numbering, Sender, Unacknowledged, ended, recover
from sentinel_sdk.retry import Reconnects
from sentinel_sdk.target import Policy
from sentinel_sdk.types.message import Message


class AsyncIngestStream(Generic[B, A]):
    """Sends batches and returns their acknowledgements; may be used by several tasks."""

    def __init__(
        self,
        connection: AwaitingConnection,
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
        self._lock = asyncio.Lock()
        self._ended = asyncio.Event()
        connection.wake(self._ended)

    async def send(self, batch: B | Sequence[Message]) -> A:
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
        number = await self._submit(batch)
        try:
            return await self._acknowledgement(number)
        finally:
            self._unacknowledged.forget([number])

    async def send_all(self, batches: Iterable[B | Sequence[Message]], window: int = 16) -> AsyncIterator[A]:
        """Send many batches with up to `window` of them under way; their acknowledgements come in the same order.

        The next batch is asked for only when its turn has come; for batches that come up now and then, use `send`.
        """
        source, under_way = iter(batches), deque[int]()
        try:
            while True:
                while len(under_way) < window and (batch := next(source, None)) is not None:
                    under_way.append(await self._submit(batch))
                if not under_way:
                    return
                yield await self._acknowledgement(under_way[0])
                under_way.popleft()
        finally:
            self._unacknowledged.forget(under_way)

    async def close(self) -> None:
        """End the stream, from whichever task; who waits for an acknowledgement gets a ClosedError."""
        self._ended.set()
        if self._conversation is not None:
            self._conversation.end()
        async with self._lock:
            self._disconnect()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _submit(self, given: B | Sequence[Message]) -> int:
        async with self._lock:
            batch = prepared(lambda: self._numbering.complete(self._kind.batch_of(given)))
            message = prepared(lambda: self._numbering.message_of(batch))
            while self._unacknowledged.is_full:
                await self._step()
            self._unacknowledged.add(batch.sequence_number, message)
            if self._conversation is not None:
                self._conversation.send(message)
        return batch.sequence_number

    async def _acknowledgement(self, number: int) -> A:
        while True:
            async with self._lock:
                if (ack := self._unacknowledged.take(number)) is not None:
                    return ack
                await self._step()

    async def _step(self) -> None:
        """Wait for one acknowledgement, or connect again and send what is still without one."""
        try:
            answer = await self._connected().receive(self._policy.timeout_s)
            if answer is not None:
                self._unacknowledged.acknowledge(self._kind.ack.from_proto(answer))
                self._reconnects.received()
                return
            failure = of_no_acknowledgement(ended=True)
        except TimeoutError:
            failure = of_no_acknowledgement(ended=False)
        except grpc.RpcError as error:
            failure = await self._connection.failure(error)
        except asyncio.CancelledError:
            # gRPC has cancelled the stream with us, and would cancel whoever reads from it next.
            self._disconnect()
            raise
        self._disconnect()
        self._check_open()
        delay_s = recover(failure, self._kind, self._unacknowledged, self._reconnects)
        await wait_for(self._ended, delay_s)

    def _connected(self) -> Conversation[Any, Any]:
        self._check_open()
        if self._conversation is None:
            self._reconnects.opened()
            self._conversation = self._connection.converse(self._kind.method)
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
