"""Slack's Socket Mode by its official SDK: interactions arrive over a WebSocket that we open, so nothing listens here.

https://docs.slack.dev/apis/events-api/using-socket-mode. The SDK's own reconnecting is not used beyond what Slack asks
for: left alone it would knock for ever with an address that is good once. `SlackSocket.listen` raises when the
connection is lost, and whoever runs it opens another one.

An envelope is acknowledged at once and then handed on through a bounded queue, because Slack waits three seconds only
and whoever decides waits for a database. One that is lost in a crash after that was not decided: its button is still
there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from gcm_sentinel.clients.slack import mapped, sdk_logger
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.jsontypes import JsonObject

log = structlog.get_logger(__name__)

_CONNECT_S = 20.0
_QUEUED_MAX = 100
_INTERACTIVE = "interactive"

OnInteraction = Callable[[JsonObject], Awaitable[None]]
"""Takes the payload of one interaction; what it raises ends nothing, it is logged."""


@dataclass(frozen=True, slots=True)
class SocketAccess:
    """How to reach Socket Mode."""

    app_token: str
    base_url: str
    ping_s: float = 5.0
    """How often the connection is tried; four that are not answered count as a loss."""


class SlackSocket:
    """One connection at a time."""

    def __init__(self, access: SocketAccess, on_interaction: OnInteraction) -> None:
        self._access = access
        self._on_interaction = on_interaction

    async def listen(self) -> None:
        """Connect and hand on interactions until cancelled.

        Raises:
            Unreachable: the connection could not be opened, or was lost.
            SentinelError: Slack refused the token.
        """
        queue: asyncio.Queue[JsonObject] = asyncio.Queue(_QUEUED_MAX)
        client = self._client(queue)
        try:
            await self._connect(client)
            log.info("slack.listening")
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(self._work(queue))
                await self._until_lost(client)
                working.cancel()
        finally:
            await _close(client)
        log.warning("slack.connection_lost", hint="another one is opened")
        raise Unreachable("the connection to Slack was lost")

    def _client(self, queue: asyncio.Queue[JsonObject]) -> SocketModeClient:
        access, logger = self._access, sdk_logger()
        web = AsyncWebClient(base_url=access.base_url, retry_handlers=[], logger=logger)
        client = SocketModeClient(
            access.app_token,
            logger=logger,
            web_client=web,
            auto_reconnect_enabled=False,
            ping_interval=access.ping_s,
        )

        async def on_request(socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
            await socket.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
            if request.type == _INTERACTIVE and isinstance(request.payload, dict):
                _put(queue, request.payload)

        client.socket_mode_request_listeners.append(on_request)
        return client

    async def _connect(self, client: SocketModeClient) -> None:
        try:
            async with asyncio.timeout(_CONNECT_S):
                client.wss_uri = await client.issue_new_wss_url()
                await client.connect()  # type: ignore[no-untyped-call]
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise mapped("apps.connections.open", error) from error

    async def _until_lost(self, client: SocketModeClient) -> None:
        """Returns when the connection is lost; one that Slack asked to renew is renewed by the SDK meanwhile."""
        lost = 0
        while lost < 2:  # once may be the moment of renewing
            await asyncio.sleep(self._access.ping_s)
            lost = 0 if await client.is_connected() else lost + 1

    async def _work(self, queue: asyncio.Queue[JsonObject]) -> None:
        while True:
            payload = await queue.get()
            try:
                await self._on_interaction(payload)
            except Exception:  # the task border: one bad interaction must not silence the others
                log.exception("slack.interaction_failed")


def _put(queue: asyncio.Queue[JsonObject], payload: JsonObject) -> None:
    try:
        queue.put_nowait(payload)
    except asyncio.QueueFull:
        log.warning("slack.interaction_dropped", reason=f"{_QUEUED_MAX} are waiting already")


async def _close(client: SocketModeClient) -> None:
    """Close it with everything it started, which its own `close` cancels and does not wait for."""
    tasks = [client.message_processor, client.message_receiver, client.current_session_monitor]
    with suppress(aiohttp.ClientError, ConnectionError):
        await client.close()  # type: ignore[no-untyped-call]
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
