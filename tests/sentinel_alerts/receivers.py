"""Servers that take alerts and answer as each test tells them: HTTP as Slack, PagerDuty and webhooks speak it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Posted:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    text: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)


HANG = Reply(0)
"""In place of an answer: none ever comes."""


class HttpReceiver:
    """Keeps what was posted; answers what `replies` holds, then 200."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.replies: deque[Reply] = deque()
        self.url = ""
        self._changed = asyncio.Condition()
        self._over = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator[HttpReceiver]:
        """One that listens on a free port."""
        receiver = cls()
        app = web.Application()
        app.router.add_post("/{tail:.*}", receiver._take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield receiver
        finally:
            receiver._over.set()
            await runner.cleanup()

    async def has(self, count: int) -> list[Posted]:
        """Wait until so many came."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: len(self.posted) >= count)
        return self.posted

    async def _take(self, request: web.Request) -> web.Response:
        posted = Posted(request.path, dict(request.headers), await request.read())
        async with self._changed:
            self.posted.append(posted)
            self._changed.notify_all()
        reply = self.replies.popleft() if self.replies else Reply()
        if reply is HANG:
            await self._over.wait()
        return web.Response(status=reply.status or 200, text=reply.text, headers=dict(reply.headers))
