"""A series source of written-down samples, and the servers over it on loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, web

from sentinel_fleet.ports import LabelMatcher, Series, SeriesSource
from sentinel_fleet.prom import prometheus_app
from sentinel_fleet.prom.regex import compile_anchored

NOW = 1_700_000_000.0

Sample = tuple[float, float]
MakeSource = Callable[..., SeriesSource]
Serve = Callable[[web.Application], Awaitable[str]]


@dataclass(frozen=True)
class WrittenSeries:
    """One series with its samples spelt out."""

    labels: Mapping[str, str]
    points: Sequence[Sample]

    def samples(self, start: float, end: float) -> list[Sample]:
        return [(time, value) for time, value in self.points if start <= time <= end]


@dataclass(frozen=True)
class WrittenSource:
    """A `SeriesSource` that looks at every series."""

    series: Sequence[WrittenSeries]
    types: Mapping[str, tuple[str, str]]

    def select(self, matchers: Sequence[LabelMatcher]) -> Iterable[Series]:
        return [one for one in self.series if all(_holds(matcher, one.labels) for matcher in matchers)]

    def metadata(self) -> Mapping[str, tuple[str, str]]:
        return self.types


def _holds(matcher: LabelMatcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    if matcher.op in ("=", "!="):
        return (value == matcher.value) is (matcher.op == "=")
    return (compile_anchored(matcher.value).fullmatch(value) is not None) is (matcher.op == "=~")


@dataclass
class Faults:
    """Which sources are broken, to be set by a test."""

    broken: dict[tuple[str, str | None], str] = field(default_factory=dict)

    def fault(self, source: str, node: str | None) -> str | None:
        return self.broken.get((source, node))


@pytest.fixture
def make_source() -> MakeSource:
    """Series as (labels, samples), samples as (epoch seconds, value); `types` is the metadata."""

    def make(
        *series: tuple[Mapping[str, str], Sequence[Sample]], types: Mapping[str, tuple[str, str]] | None = None
    ) -> SeriesSource:
        return WrittenSource([WrittenSeries(labels, points) for labels, points in series], types or {})

    return make


@pytest.fixture
def faults() -> Faults:
    """No fault unless the test sets one."""
    return Faults()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start an application on a free loopback port; its URL."""
    async with AsyncExitStack() as stack:

        async def start(app: web.Application) -> str:
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield start


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """An ordinary HTTP client."""
    async with ClientSession() as session:
        yield session


@pytest.fixture
async def gpu_prometheus(make_source: MakeSource, faults: Faults, serve: Serve) -> str:
    """A Prometheus at NOW: four GPUs of two nodes scraped for ten minutes; one series ended five minutes ago."""
    series = [
        (
            {"__name__": "DCGM_FI_DEV_GPU_TEMP", "Hostname": node, "gpu": gpu, "job": "dcgm-exporter"},
            _scrapes(temperature, ended_s=300.0 if (node, gpu) == ("b", "1") else 0.0),
        )
        for node, gpu, temperature in [("a", "0", 41.0), ("a", "1", 42.0), ("b", "0", 60.5), ("b", "1", 44.0)]
    ]
    up = [
        ({"__name__": "up", "job": "dcgm-exporter", "instance": f"127.64.0.{n}:9400"}, _scrapes(float(n == 1)))
        for n in (1, 2)
    ]
    types = {"DCGM_FI_DEV_GPU_TEMP": ("gauge", "GPU temperature (in C)."), "up": ("gauge", "Scraped.")}
    return await serve(prometheus_app(make_source(*series, *up, types=types), lambda: NOW, faults))


def _scrapes(value: float, ended_s: float = 0.0) -> list[Sample]:
    return [(NOW - 30.0 * k, value) for k in range(20, -1, -1) if 30.0 * k >= ended_s]
