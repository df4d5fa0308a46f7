"""Turns tracing on where the settings name a collector; without one, nothing of OpenTelemetry is imported."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gcm_sentinel import __version__
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.tracing import NoTracing, Tracer


@asynccontextmanager
async def open_tracer(endpoint: str, *, instance: str) -> AsyncIterator[Tracer]:
    """A tracer for the collector at `endpoint`, none when it is empty; `instance` names this process among replicas.

    Raises:
        BadConfiguration: a collector is set, and the extra `otel` is not installed.
    """
    if not endpoint:
        yield NoTracing()
        return
    try:
        from gcm_sentinel.clients.tracing import TracingConfig, open_tracing
    except ModuleNotFoundError as error:
        raise BadConfiguration(
            "GCM_SENTINEL_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
            "pip install 'gcm-sentinel[otel]', or leave the setting empty"
        ) from error
    async with open_tracing(TracingConfig(endpoint, __version__, instance)) as tracer:
        yield tracer
