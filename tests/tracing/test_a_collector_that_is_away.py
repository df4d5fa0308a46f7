"""A collector that is away, or takes and never answers, costs the investigation nothing."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from gcm_sentinel.clients.tracing import TracingConfig, open_tracing


@pytest.fixture
def nobody():
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def config(endpoint):
    return TracingConfig(endpoint, "1", "replica-1", close_timeout=timedelta(seconds=0.3))


async def work(endpoint):
    """Many spans, and how long they and the leaving took."""
    started = time.monotonic()
    async with open_tracing(config(endpoint)) as tracer:
        for number in range(5000):
            with tracer.span("invoke_agent", {}, trace=f"inc-{number}"), tracer.span("chat", {}):
                pass
        worked_s = time.monotonic() - started
    return worked_s, time.monotonic() - started


async def test_spans_cost_no_waiting_when_nobody_listens(nobody):
    worked_s, whole_s = await work(nobody)

    assert worked_s < 5  # 10,000 spans; microseconds each
    assert whole_s - worked_s < 3


async def test_leaving_does_not_wait_for_a_collector_that_never_answers(collector):
    collector.stalls.set()

    worked_s, whole_s = await work(collector.url)

    assert whole_s - worked_s < 3


async def test_an_absent_collector_is_said_once(nobody):
    with capture_logs() as said:
        async with open_tracing(config(nobody)) as tracer:
            with tracer.span("work", {}):
                pass

    assert [line["event"] for line in said if line["event"].startswith("tracing.")].count("tracing.collector_away") <= 1
    assert any(line["event"] in ("tracing.collector_away", "tracing.not_flushed") for line in said)


async def test_an_error_inside_passes_unchanged(nobody):
    async with open_tracing(config(nobody)) as tracer:
        with pytest.raises(KeyError, match="ours"), tracer.span("work", {}):
            raise KeyError("ours")
