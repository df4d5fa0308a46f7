"""The kubelets of a world's nodes for a real API server: it asks them for logs, and the simulated API server answers.

A world's nodes have addresses that do not exist, and an API server takes no loopback address for that of a node. It
reaches them as where control plane and nodes are in different networks: through the proxy of an egress selector
(https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/), here a Unix socket on which `egress` listens.
Behind it one application is the kubelet of all nodes; which one is meant is told by the loopback address that was
asked, the one of the node's exporters. Serve it with TLS, as kubelets do, on all loopback addresses.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import aiohttp
from aiohttp import web

_NOT_FOUND = "404 page not found\n"
_CONNECT_WITHIN_S = 10.0
_BLOCK_BYTES = 1 << 16


def kubelet_app(node_at: Mapping[str, str], session: aiohttp.ClientSession) -> web.Application:
    """The kubelets of the nodes at these addresses; `session` has the URL of the simulated API server as its base."""

    async def node_log(request: web.Request) -> web.Response:
        address = request.transport.get_extra_info("sockname")[0] if request.transport else ""
        if address not in node_at:
            return web.Response(status=404, text=_NOT_FOUND)
        return await _passed(session, f"/api/v1/nodes/{node_at[address]}/proxy{request.rel_url.raw_path_qs}")

    async def container_log(request: web.Request) -> web.Response:
        about = request.match_info
        query = f"container={about['container']}" + (f"&{text}" if (text := request.query_string) else "")
        return await _passed(session, f"/api/v1/namespaces/{about['namespace']}/pods/{about['pod']}/log?{query}")

    app = web.Application()
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", container_log)
    app.router.add_get("/logs/{file:.*}", node_log)
    return app


async def _passed(session: aiohttp.ClientSession, path: str) -> web.Response:
    """The simulated answer; a refusal in plain text, as kubelets give it."""
    async with session.get(path) as answer:
        body = await answer.read()
        if answer.content_type != "application/json":
            return web.Response(status=answer.status, body=body, content_type=answer.content_type)
        return web.Response(status=answer.status, text=json.loads(body)["message"])


@asynccontextmanager
async def egress(path: Path, stands_for: Mapping[str, str], port: int) -> AsyncIterator[None]:
    """Listen at the Unix socket `path` for HTTP CONNECT; an address leads to the one it stands for, at `port`."""
    way = _Way(stands_for, port)
    server = await asyncio.start_unix_server(way.serve, path)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        await way.close()


class _Way:
    """The open connections through the proxy."""

    def __init__(self, stands_for: Mapping[str, str], port: int) -> None:
        self._stands_for = stands_for
        self._port = port
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection until either side ends it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a callback of a stream server is a task
        self._open[task] = writer
        try:
            with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._connect(reader, writer)
        finally:
            del self._open[task]

    async def close(self) -> None:
        """End what is open."""
        tasks = list(self._open)
        for writer in list(self._open.values()):
            writer.close()
        await asyncio.gather(*tasks)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        wanted = head.split(b" ", 2)[1].decode("ascii").rpartition(":")[0]
        if wanted not in self._stands_for:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            far_reader, far_writer = await asyncio.open_connection(self._stands_for[wanted], self._port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with closing(far_writer):
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, far_writer))
                both.create_task(_pass_on(far_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer), suppress(ConnectionError):
        while block := await reader.read(_BLOCK_BYTES):
            writer.write(block)
            await writer.drain()
