"""Traces for an OpenTelemetry collector (OTLP over HTTP): the only importer of `opentelemetry`.

`app/tracing.py` imports this module when a collector is set, and only then. Spans are queued and sent by a thread of
the SDK; a collector that is away or slow costs dropped spans and nothing else. No global provider is set, so libraries
that look for one put nothing of their own into our traces. The SDK's own variables apply where a collector asks for
credentials (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_CERTIFICATE`).

The ids of a root span are derived from its `trace` word. An investigation cut off by a crash has sent its finished
spans, whose parent was never sent; the process that resumes it opens the same root again, and the trace is whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

import structlog
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from gcm_sentinel.domain.tracing import Attribute, Span, Tracer

log = structlog.get_logger(__name__)

SEND_EVERY = timedelta(seconds=5)
SEND_TIMEOUT = timedelta(seconds=5)
CLOSE_TIMEOUT = timedelta(seconds=3)
MOST_QUEUED = 2048
_PATH = "/v1/traces"

_trace_word: ContextVar[str] = ContextVar("gcm_sentinel_trace_word", default="")
"""The `trace` word of the root span that is being opened at this moment."""


@dataclass(frozen=True, slots=True)
class TracingConfig:
    """Where spans go, and who sends them."""

    endpoint: str
    """Address of the collector; ``/v1/traces`` is added where it does not end so."""
    version: str
    instance: str
    """Name of this process among replicas."""
    close_timeout: timedelta = CLOSE_TIMEOUT
    """How long leaving may wait for what is still queued."""


@asynccontextmanager
async def open_tracing(config: TracingConfig) -> AsyncIterator[Tracer]:
    """A tracer that sends to the collector; on leaving, what is queued is sent as far as `close_timeout` goes."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what fails is said once, by `_Reporting`
    base = config.endpoint.rstrip("/")
    endpoint = base if base.endswith(_PATH) else base + _PATH
    exporter = _Reporting(OTLPSpanExporter(endpoint=endpoint, timeout=SEND_TIMEOUT.total_seconds()), endpoint)
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "gcm-sentinel", "service.version": config.version, "service.instance.id": config.instance}
        ),
        id_generator=_RootIds(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter, max_queue_size=MOST_QUEUED, schedule_delay_millis=SEND_EVERY.total_seconds() * 1000
        )
    )
    try:
        yield OtelTracer(provider.get_tracer("gcm_sentinel", config.version))
    finally:
        await _close(provider, exporter, within=config.close_timeout)


async def _close(provider: TracerProvider, exporter: SpanExporter, *, within: timedelta) -> None:
    """Flush for a while. In a thread that nobody must wait for: the SDK may hold on to a dead collector for longer."""
    flushed: Future[None] = Future()

    def shut_down() -> None:
        provider.shutdown()
        flushed.set_result(None)

    threading.Thread(target=shut_down, name="tracing-close", daemon=True).start()
    try:
        async with asyncio.timeout(within.total_seconds()):
            await asyncio.shield(asyncio.wrap_future(flushed))
    except TimeoutError:
        log.warning("tracing.not_flushed", waited_s=within.total_seconds())
        exporter.shutdown()


class OtelTracer:
    """A `Tracer` over the SDK's."""

    def __init__(self, tracer: api.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute], *, trace: str = "") -> Iterator[Span]:
        """A span as the port describes it; calls of a model are marked as calls to another service."""
        is_chat = attributes.get("gen_ai.operation.name") == "chat"
        token = _trace_word.set(trace)
        try:
            opened = self._tracer.start_span(
                name,
                context=Context() if trace else None,
                kind=api.SpanKind.CLIENT if is_chat else api.SpanKind.INTERNAL,
                attributes=dict(attributes),
            )
        finally:
            _trace_word.reset(token)
        with api.use_span(opened, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            span = OtelSpan(opened)
            try:
                yield span
            except BaseException as error:
                span.fail(type(error).__name__)
                raise


class OtelSpan:
    """A `Span` over the SDK's."""

    def __init__(self, span: api.Span) -> None:
        self._span = span

    def set(self, attributes: Mapping[str, Attribute]) -> None:
        """Add attributes."""
        self._span.set_attributes(dict(attributes))

    def rename(self, name: str) -> None:
        """Replace the name."""
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        """Mark as failed, by kind and without words: a message may quote what must not leave the process."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(api.Status(api.StatusCode.ERROR))


class _RootIds(RandomIdGenerator):
    """Random ids, but for root spans with a `trace` word."""

    def generate_trace_id(self) -> int:
        return self._derived("trace", 16) or super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self._derived("span", 8) or super().generate_span_id()

    def is_trace_id_random(self) -> bool:
        return False

    @staticmethod
    def _derived(what: str, size: int) -> int:
        word = _trace_word.get()
        return int.from_bytes(hashlib.sha256(f"{what}\x1f{word}".encode()).digest()[:size], "big") if word else 0


class _Reporting(SpanExporter):
    """Says when the collector stops taking spans and when it takes them again, each once."""

    def __init__(self, inner: SpanExporter, endpoint: str) -> None:
        self._inner = inner
        self._endpoint = endpoint
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            log.warning("tracing.collector_away", endpoint=self._endpoint, lost_spans=len(spans))
        elif self._failing and not failed:
            log.info("tracing.collector_back", endpoint=self._endpoint)
        self._failing = failed
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()
