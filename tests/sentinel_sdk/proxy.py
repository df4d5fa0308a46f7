"""A way to a server that can be cut: what is under way breaks, and nobody gets through until it is mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Passes connections on to `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self._host, _, port = endpoint.rpartition(":")
        self._port = int(port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut = False
        self.endpoint = ""

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Let new connections through."""
        self._cut = False

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, back}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass_on(reader, back))
            group.create_task(self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while some := await reader.read(65536):
                writer.write(some)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()
            self._writers.discard(writer)


@asynccontextmanager
async def proxy_for(endpoint: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(endpoint)
    async with await asyncio.start_server(proxy.accept, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        proxy.endpoint = f"{host}:{port}"
        yield proxy
        proxy.cut()
