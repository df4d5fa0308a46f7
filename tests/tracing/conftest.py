"""A real OTLP/HTTP receiver on loopback that keeps the spans it is sent, and the values investigations are made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.metrics import AgentMetrics
from gcm_sentinel.app.observation import Observer
from gcm_sentinel.clients.tracing import TracingConfig, open_tracing
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus


class Collector:
    """What arrived."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[ExportTraceServiceRequest] = []
        self.paths: list[str] = []
        self.stalls = asyncio.Event()
        """Set to never answer."""

    @property
    def spans(self):
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self, start):
        return [span for span in self.spans if span.name.startswith(start)]

    async def take(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        body = await request.read()
        if self.stalls.is_set():
            await asyncio.Event().wait()
        self.requests.append(ExportTraceServiceRequest.FromString(body))
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    kept = Collector()
    app = web.Application()
    app.router.add_post("/{path:.*}", kept.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield kept
    await runner.cleanup()


@pytest.fixture
def tracing(collector):
    """Open tracing towards the collector, as one process does from its start to its end."""
    return lambda **changes: open_tracing(
        TracingConfig(endpoint=changes.get("endpoint", collector.url), version="1.2.3", instance="replica-1")
    )


@pytest.fixture
def observe():
    """An `Observer` around a tracer."""

    def make(tracer):
        metrics = AgentMetrics(version="1", engine="playbook", mode="recommend")
        return Observer(tracer=tracer, metrics=metrics, clock=SystemClock())

    return make


def attributes(span):
    """A span's attributes as Python values."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


@pytest.fixture
def incident():
    now = datetime(2026, 11, 20, 3, tzinfo=UTC)
    trigger = Trigger(
        "kubernetes", "gpu-7", "GpuXid", TriggerStatus.PROBLEM, "Xid", "Xid 79", now - timedelta(seconds=1)
    )
    return Incident(id="inc-1", triggers=(trigger,), opened_at=now, revision=2)
