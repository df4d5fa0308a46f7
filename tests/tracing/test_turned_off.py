"""Without a collector, tracing costs nothing: not even an import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gcm_sentinel.app import tracing
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.tracing import NoTracing

LOOK = """
import asyncio, sys
from gcm_sentinel.app.tracing import open_tracer
async def main():
    async with open_tracer("", instance="r") as tracer:
        with tracer.span("chat", {}) as span:
            span.set({"a": 1})
            span.rename("b")
            span.fail("c")
asyncio.run(main())
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""


def test_nothing_of_opentelemetry_is_imported_without_a_collector():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603  our own

    assert done.stdout.strip() == "[]"


async def test_no_collector_is_no_tracing():
    async with tracing.open_tracer("", instance="r") as tracer:
        assert isinstance(tracer, NoTracing)


async def test_a_collector_without_the_extra_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcm_sentinel.clients.tracing", None)

    with pytest.raises(BadConfiguration, match=r"gcm-sentinel\[otel\]"):
        async with tracing.open_tracer("http://collector:4318", instance="r"):
            pass
