"""Receiving configuration, for agents and monitors.

The stream runs against its looks: the component sends acknowledgements, the gateway sends updates. The first
acknowledgement acknowledges nothing; it says who the component is, and opens the stream.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

import grpc

from sentinel.v1 import config_pb2
from sentinel_sdk import methods
from sentinel_sdk.awaiting import AwaitingConnection
from sentinel_sdk.blocking import BlockingConnection
from sentinel_sdk.errors import ClosedError, invalid
from sentinel_sdk.failures import wait_after
from sentinel_sdk.retry import Reconnects, RetryConfig
from sentinel_sdk.types.config import ConfigAck, ConfigUpdate

Apply = Callable[[ConfigUpdate], ConfigAck | None]
AsyncApply = Callable[[ConfigUpdate], ConfigAck | None | Awaitable[ConfigAck | None]]


def serve(connection: BlockingConnection, retry: RetryConfig, component_id: str, apply: Apply) -> None:
    """Apply updates as they come, until the client is closed or the server ends the stream.

    Raises:
        SentinelError: a failure that reconnecting does not mend.
    """
    reconnects = Reconnects(retry)
    while not connection.is_closed():
        reconnects.opened()
        try:
            conversation = connection.converse(methods.CONFIG_STREAM)
        except ClosedError:
            return
        try:
            conversation.send(config_pb2.ConfigAck(component_id=component_id))
            while (message := conversation.receive()) is not None:
                reconnects.received()
                update = ConfigUpdate.from_proto(message)
                conversation.send(_completed(apply(update), update, component_id))
            return
        except grpc.RpcError as error:
            failure = connection.failure(error)
            if connection.is_closed():
                return
            delay_s = wait_after(failure, reconnects, methods.CONFIG_STREAM.path)
        finally:
            conversation.end()
        connection.pause(delay_s)


async def aserve(connection: AwaitingConnection, retry: RetryConfig, component_id: str, apply: AsyncApply) -> None:
    """The same, asynchronously; `apply` may be a coroutine function."""
    reconnects = Reconnects(retry)
    while not connection.is_closed():
        reconnects.opened()
        conversation = connection.converse(methods.CONFIG_STREAM)
        try:
            conversation.send(config_pb2.ConfigAck(component_id=component_id))
            while (message := await conversation.receive()) is not None:
                reconnects.received()
                update = ConfigUpdate.from_proto(message)
                outcome = apply(update)
                ack = await outcome if inspect.isawaitable(outcome) else outcome
                conversation.send(_completed(ack, update, component_id))
            return
        except grpc.RpcError as error:
            failure = await connection.failure(error)
            if connection.is_closed():
                return
            delay_s = wait_after(failure, reconnects, methods.CONFIG_STREAM.path)
        finally:
            conversation.end()
        await connection.pause(delay_s)


def _completed(ack: ConfigAck | None, update: ConfigUpdate, component_id: str) -> config_pb2.ConfigAck:
    """`ack` with the ids that are unset filled in; None is an update that was applied."""
    given = ConfigAck(applied=True) if ack is None else ack
    if not isinstance(given, ConfigAck):
        raise invalid(f"apply must return None or a ConfigAck, not {given!r:.100}")
    ids = {"update_id": given.update_id or update.update_id, "component_id": given.component_id or component_id}
    message: config_pb2.ConfigAck = given.model_copy(update=ids).to_proto()
    return message
