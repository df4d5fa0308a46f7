"""A scripted HTTP server that plays an API server, and a client connected to it through a real kubeconfig file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from gcm_sentinel.clients.kubernetes import KubernetesClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ScriptedApi:
    """Answers every request by the handler a test sets, and remembers what was asked."""

    handler: Handler | None = None
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.text())
        assert self.handler is not None
        return await self.handler(request)

    def always(self, status: int, body: object, **headers: str) -> None:
        """Give the same answer to everything; a string is sent as it is, anything else as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)

        async def handler(_request: web.Request) -> web.Response:
            return web.Response(status=status, text=text, content_type="application/json", headers=headers)

        self.handler = handler

    def streams(self, *lines: str) -> None:
        """Answer with a stream of these lines, then end it."""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for line in lines:
                await response.write(line.encode())
            return response

        self.handler = handler


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    scripted = ScriptedApi()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{tail:.*}", scripted.answer)
    async with TestServer(app) as server:
        scripted.url = str(server.make_url("")).rstrip("/")
        yield scripted


def write_kubeconfig(path: Path, server: str, user: dict[str, object] | None = None) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "t0ken"}}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.fixture
def kubeconfig() -> Callable[..., Path]:
    """Writes a kubeconfig: `kubeconfig(path, server, user)`."""
    return write_kubeconfig


@pytest.fixture
def connect(api: ScriptedApi, tmp_path: Path) -> Callable[..., Awaitable[KubernetesClient]]:
    """A client with choices of its own: `async with aclosing(await connect(watch_times=...)) as client`."""
    path = write_kubeconfig(tmp_path / "kubeconfig", api.url)
    return lambda **choices: KubernetesClient.connect(kubeconfig=path, **choices)


@pytest.fixture
async def client(api: ScriptedApi, tmp_path: Path) -> AsyncIterator[KubernetesClient]:
    path = write_kubeconfig(tmp_path / "kubeconfig", api.url)
    connected = await KubernetesClient.connect(kubeconfig=path, timeout=timedelta(seconds=5))
    yield connected
    await connected.aclose()
