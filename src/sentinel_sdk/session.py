"""What a client holds: one connection of one of the two faces, and the policy of its calls.

A method of the other face cannot work, and says which one does.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import TracebackType
from typing import Self

from sentinel_sdk.awaiting import AwaitingConnection
from sentinel_sdk.blocking import BlockingConnection
from sentinel_sdk.errors import SentinelError, closed, invalid
from sentinel_sdk.target import Policy


class Session:
    """An open client; what it can do is `SentinelClient`'s."""

    def __init__(self, connection: BlockingConnection | AwaitingConnection, policy: Policy) -> None:
        self._connection = connection
        self.policy = policy

    def with_timeout(self, seconds: float) -> Self:
        """This client with another deadline for its calls, over the same connection: closing one closes both."""
        return type(self)(self._connection, replace(self.policy, timeout_s=seconds))

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._connection.is_closed()

    def close(self) -> None:
        """Close a client made by `connect`; streams in other threads end. Closing twice does nothing."""
        self._of_blocking_face("close").close()

    async def aclose(self) -> None:
        """Close a client made by `aconnect`; streams in other tasks end. Closing twice does nothing."""
        await self._of_asynchronous_face("aclose").close()

    def __enter__(self) -> Self:
        self._of_blocking_face("with")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        self._of_asynchronous_face("async with")
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _open_blocking(self, method: str) -> BlockingConnection:
        """The connection for the blocking `method`.

        Raises:
            SentinelError: the client is closed, or of the other face.
        """
        connection = self._of_blocking_face(method)
        if connection.is_closed():
            raise closed()
        return connection

    def _open_awaiting(self, method: str) -> AwaitingConnection:
        """The connection for the asynchronous `method`.

        Raises:
            SentinelError: the client is closed, or of the other face.
        """
        connection = self._of_asynchronous_face(method)
        if connection.is_closed():
            raise closed()
        return connection

    def _of_blocking_face(self, method: str) -> BlockingConnection:
        if isinstance(self._connection, BlockingConnection):
            return self._connection
        use = "async with" if method == "with" else f"a{method}()"
        raise SentinelError(f"this client was made by aconnect(), where {_named(method)} does not work: use {use}")

    def _of_asynchronous_face(self, method: str) -> AwaitingConnection:
        if isinstance(self._connection, AwaitingConnection):
            return self._connection
        use = "with" if method == "async with" else f"{method.removeprefix('a')}()"
        raise SentinelError(f"this client was made by connect(), where {_named(method)} does not work: use {use}")


def check_callback(callback: object, method: str, *, may_wait: bool) -> None:
    """Whether `method` can call `callback`: a coroutine function would be called by a blocking one, but never run.

    Raises:
        InvalidArgumentError: it cannot.
    """
    if not callable(callback):
        raise invalid(f"{method}() takes a function, not {callback!r:.100}")
    if not may_wait and inspect.iscoroutinefunction(callback):
        raise invalid(f"{method}() takes a plain function: use aconnect() and a{method}() for a coroutine function")


def _named(method: str) -> str:
    return method if "with" in method.split() else f"{method}()"
