"""What is of another type than it should be is an error that says so, before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sentinel_sdk import InvalidArgumentError, SentinelClient
from sentinel_sdk.types import AnomalyEvent, GpuTelemetryReport

CONNECTING: dict[str, tuple[dict[str, Any], str]] = {
    "an endpoint": ({"endpoint": 50051}, "not 50051"),
    "a TLS configuration": ({"tls_config": "/etc/ca.pem"}, "must be a TlsConfig"),
    "a retry configuration": ({"retry_config": 3}, "must be a RetryConfig"),
    "a text for a timeout": ({"default_timeout": "30"}, "positive number of seconds"),
    "a timeout without end": ({"default_timeout": float("inf")}, "positive number of seconds"),
    "a token in bytes": ({"token": b"secret"}, "a text, not a bytes"),
}


@pytest.mark.parametrize("name", CONNECTING)
def test_connecting(name: str):
    arguments, words = CONNECTING[name]
    with pytest.raises(InvalidArgumentError, match=words):
        SentinelClient.connect(**{"endpoint": "localhost:1"} | arguments)


CALLS: dict[str, tuple[tuple[Any, ...], str]] = {
    "query_gpu_health": ((123,), "gpu_uuid must be of type str, not 123"),
    "issue_directive": (("GPU-1",), "directive must be of type QuarantineDirective, not 'GPU-1'"),
    "issue_quarantine": (("GPU-1", "quarantine", "x"), "action"),
    "query_fleet_health": (("", "", ["healthy"]), "healthy"),
    "get_gpu_history": (("GPU-1", "yesterday", datetime.now(UTC)), "start_time must be of type datetime"),
    "query_audit_trail": (({"limit": 3},), "filters must be of type AuditQueryFilters"),
    "verify_chain": ((None, None, "1"), "."),
    "update_config": (({"overhead_budget": 3},), "update must be of type ConfigUpdate"),
    "report_tmr_result": ((None,), "result must be of type TmrResult"),
    "ingest_audit_entries": ((["entry"],), "to_proto"),
}


@pytest.mark.parametrize("name", CALLS)
async def test_calling(ask, name: str):
    arguments, words = CALLS[name]
    with pytest.raises(InvalidArgumentError, match=words):
        await ask(name, *arguments)


async def test_a_call_without_its_arguments_is_what_it_is_everywhere_in_python(ask):
    with pytest.raises(TypeError, match="gpu_uuid"):
        await ask("query_gpu_health")


def test_a_coroutine_function_is_not_for_a_blocking_client(client):
    async def callback(_: object) -> None: ...

    for method, arguments in (("stream_events", ()), ("config_stream", ("node-1",))):
        with pytest.raises(InvalidArgumentError, match=f"use aconnect\\(\\) and a{method}\\(\\)"):
            getattr(client, method)(*arguments, callback)


async def test_a_callback_is_a_function(ask):
    with pytest.raises(InvalidArgumentError, match="takes a function, not None"):
        await ask("stream_events", None)


STREAMS = {
    "probe_stream": [AnomalyEvent()],
    "anomaly_stream": [GpuTelemetryReport()],
    "telemetry_stream": "reports",
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams_take_batches_or_what_is_in_them(client, name: str):
    with getattr(client, name)("node-1") as stream:
        for given in (STREAMS[name], [], {}, None, 3):
            with pytest.raises(InvalidArgumentError):
                stream.send(given)
