"""A small Prometheus API on loopback whose answers each test writes down."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp import web

from gcm_sentinel.clients.prometheus import PrometheusClient


@dataclass
class Upstream:
    """Answers in order (the last one repeats) and the requests that were seen."""

    url: str = ""
    answers: list[tuple[int, object]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def will_answer(self, body: object, status: int = 200) -> None:
        self.answers.append((status, body))

    def vector(self, *pairs: tuple[dict[str, str], str], **extra: object) -> None:
        rows = [{"metric": labels, "value": [1000.5, value]} for labels, value in pairs]
        self.will_answer({"status": "success", "data": {"resultType": "vector", "result": rows}, **extra})

    async def handle(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.requests.append((request.method, request.path, {**request.query, **form}))
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json", headers=self.headers)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    seen = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", seen.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    seen.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield seen
    await runner.cleanup()


@pytest.fixture
async def prometheus(upstream) -> AsyncIterator[PrometheusClient]:
    client = PrometheusClient(upstream.url, timeout=timedelta(seconds=3), retry_for=timedelta(seconds=5))
    yield client
    await client.aclose()


@pytest.fixture
def connect() -> Callable[[str], PrometheusClient]:
    return lambda url: PrometheusClient(url, timeout=timedelta(seconds=1), retry_for=timedelta(seconds=0.1))
