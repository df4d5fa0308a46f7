"""A Slack on loopback: the Web API over HTTP, Socket Mode over a WebSocket, as strict as the real one where it counts.

It refuses a wrong token, blocks beyond Slack's limits, an update of a message it does not know, and empty texts. It
keeps messages by their ``ts``, as people see them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

BOT, APP = "xoxb-hush-hush", "xapp-hush-hush"
CHANNEL = "C0GPUALERTS"
_LONGEST = {"header": 150, "section": 3000, "context": 3000, "field": 2000, "button": 75}


@dataclass
class Message:
    """One message as people see it."""

    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread: str = ""
    loud: bool = False
    changes: int = 0

    @property
    def words(self) -> str:
        """Everything that can be read in it."""
        return "\n".join(texts_of(self.blocks))

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """By action id."""
        rows = [block["elements"] for block in self.blocks if block["type"] == "actions"]
        return {button["action_id"]: button for row in rows for button in row}


@dataclass
class SlackDouble:
    """What it was told and what it says next."""

    url: str = ""
    messages: dict[str, Message] = field(default_factory=dict)
    whispers: list[tuple[str, str]] = field(default_factory=list)
    """User and text."""
    calls: list[str] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    """Given in place of doing anything, first to last."""
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    acknowledged: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    connected: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    happened: asyncio.Condition = field(default_factory=asyncio.Condition)
    tickets: set[str] = field(default_factory=set)
    scopes: str = "chat:write,channels:read,groups:read"
    """Of the bot's token."""
    member: bool = True
    """Whether the bot is in the channel; it may post there all the same."""
    private: bool = False
    archived: bool = False
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def cards(self) -> list[Message]:
        """Messages of the channel, oldest first."""
        return [message for message in self.messages.values() if not message.thread]

    def replies(self, card: Message) -> list[Message]:
        """What stands in its thread."""
        return [message for message in self.messages.values() if message.thread == card.ts]

    async def until(self, holds: Any) -> Any:
        """What `holds` gives as soon as it gives something."""
        async with asyncio.timeout(10), self.happened:
            while not (found := holds()):
                await self.happened.wait()
        return found

    async def api(self, request: web.Request) -> web.Response:
        """One call of the Web API."""
        method = request.match_info["method"]
        self.calls.append(method)
        if self.answers:
            return self.answers.pop(0)
        wanted = APP if method == "apps.connections.open" else BOT
        if request.headers.get("Authorization") != f"Bearer {wanted}":
            return _error("invalid_auth")
        body = await request.json() if "json" in request.content_type else dict(await request.post())
        answer = self._look(method, request.query.get("channel", "")) or self._do(method, body)
        async with self.happened:
            self.happened.notify_all()
        return web.json_response(answer, headers={} if wanted == APP else {"X-OAuth-Scopes": self.scopes})

    def _look(self, method: str, channel: str) -> dict[str, Any]:
        """What only looks; nothing for any other method."""
        if method == "auth.test":
            return {"ok": True, "team": "Acme", "user": "gcm-sentinel", "user_id": "U0BOT"}
        if method != "conversations.info":
            return {}
        if "channels:read" not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "channels:read"}
        if channel != CHANNEL or (self.private and not ("groups:read" in self.scopes and self.member)):
            return {"ok": False, "error": "channel_not_found"}
        state = {"is_member": self.member, "is_private": self.private, "is_archived": self.archived}
        return {"ok": True, "channel": {"id": CHANNEL, "name": "gpu-alerts", **state}}

    def _do(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if wrong := wrong_with(body.get("blocks", [])):
            return {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": [wrong]}}
        if method == "apps.connections.open":
            ticket = f"t{next(self.numbers)}"
            self.tickets.add(ticket)
            return {"ok": True, "url": f"{self.url.replace('http', 'ws')}/socket?ticket={ticket}"}
        if method == "chat.postMessage":
            return self._post(body)
        if method == "chat.update":
            return self._update(body)
        if method == "chat.postEphemeral":
            self.whispers.append((body["user"], body["text"]))
            return {"ok": True, "message_ts": "1.1"}
        return {"ok": False, "error": "unknown_method"}

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        thread = body.get("thread_ts", "")
        if body["channel"] not in (CHANNEL, "#gpu-alerts"):
            return {"ok": False, "error": "channel_not_found"}
        if thread and thread not in self.messages:
            return {"ok": False, "error": "thread_not_found"}
        ts = f"1795000000.{next(self.numbers):06}"
        loud = bool(body.get("reply_broadcast", False))
        self.messages[ts] = Message(ts, body["text"], body["blocks"], thread, loud)
        return {"ok": True, "channel": CHANNEL, "ts": ts, "message": {"ts": ts}}

    def _update(self, body: dict[str, Any]) -> dict[str, Any]:
        message = self.messages.get(body["ts"])
        if message is None or body["channel"] != CHANNEL:
            return {"ok": False, "error": "message_not_found"}
        message.text, message.blocks, message.changes = body["text"], body["blocks"], message.changes + 1
        return {"ok": True, "channel": CHANNEL, "ts": body["ts"]}

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """One Socket Mode connection; an address is good once."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            raise web.HTTPForbidden
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}})
        self.sockets.append(socket)
        self.connected.put_nowait(len(self.sockets))
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                self.acknowledged.put_nowait(json.loads(message.data)["envelope_id"])
        return socket

    async def click(self, message: Message, name: str, *, user: str = "U0ADA", **changed: Any) -> None:
        """Somebody clicks a button of `message`; returns when the click was acknowledged."""
        button = {**message.buttons[name], **changed}
        action = {"type": "button", "action_id": name, "value": button["value"], "action_ts": "1.0"}
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "ada", "name": "ada"},
            "channel": {"id": CHANNEL, "name": "gpu-alerts"},
            "container": {"type": "message", "message_ts": message.ts, "channel_id": CHANNEL},
            "message": {"ts": message.ts, "thread_ts": message.thread, "text": message.text, "blocks": message.blocks},
            "actions": [action],
        }
        await self.send("interactive", payload)

    async def send(self, kind: str, payload: dict[str, Any]) -> None:
        """One envelope over the newest connection, acknowledged."""
        envelope = f"e{next(self.numbers)}"
        body = {"type": kind, "envelope_id": envelope, "accepts_response_payload": False, "payload": payload}
        await self.sockets[-1].send_json(body)
        async with asyncio.timeout(10):
            assert await self.acknowledged.get() == envelope


@asynccontextmanager
async def running() -> AsyncIterator[SlackDouble]:
    """One that listens."""
    double = SlackDouble()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", double.api)
    app.router.add_get("/socket", double.socket)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    double.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield double
    for socket in double.sockets:
        await socket.close()
    await runner.cleanup()


def limited(seconds: int = 1) -> web.Response:
    """Too many messages."""
    headers = {"Retry-After": str(seconds)}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


def _error(word: str) -> web.Response:
    return web.json_response({"ok": False, "error": word})


def texts_of(value: Any) -> list[str]:
    """Everything in it that can be read."""
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for part in value.values() for text in texts_of(part)]
    return [text for part in value for text in texts_of(part)] if isinstance(value, list) else []


def wrong_with(blocks: list[dict[str, Any]]) -> str:
    """What Slack would not take."""
    if len(blocks) > 50:
        return "more than 50 blocks"
    for block in blocks:
        fields = block.get("fields", [])
        texts = [(block["type"], text) for text in texts_of({key: block[key] for key in block if key != "fields"})]
        texts += [("field", text) for text in texts_of(fields)]
        if len(fields) > 10 or any(not text or len(text) > _LONGEST.get(kind, 3000) for kind, text in texts):
            return f"a {block['type']} has an empty or too long text"
        if any(len(element.get("value", "")) > 2000 for element in block.get("elements", [])):
            return "a value is too long"
    return ""
