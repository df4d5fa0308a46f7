"""Texts that no database can hold, or that are too long, in every field of everything that may be reported or asked.

Which fields there are is read from the messages themselves, so a new one must be put into one of the tables here. What
stands in the ledger as the message that was sent is kept as it came: it is bytes to a database, and evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, directive, execution, settings

from sentinel.ext.v1 import directives_pb2
from sentinel.internal import testing_pb2
from sentinel.v1 import anomaly_pb2, audit_pb2, common_pb2, config_pb2, telemetry_pb2, trust_pb2
from sentinel_gateway.app.running import running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

_GPU = common_pb2.GpuIdentifier(uuid=GPU, hostname="node-1")
_HEAT = telemetry_pb2.GpuTelemetryReport(thermal=telemetry_pb2.ThermalReading(gpu=_GPU))
_ANOMALY = anomaly_pb2.AnomalyEvent(event_id="1", anomaly_type=anomaly_pb2.ANOMALY_TYPE_LOGIT_DRIFT, gpu=_GPU)
_EVENT = audit_pb2.AuditEntry(entry_type=audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT)

REPORTS: dict[str, Message] = {
    "probes.StreamProbeResults": batch(execution(2)),
    "anomalies.StreamAnomalyEvents": anomaly_pb2.AnomalyBatch(source_hostname="m", events=[_ANOMALY]),
    "telemetry.StreamTelemetry": telemetry_pb2.TelemetryBatch(agent_hostname="n", reports=[_HEAT]),
    "config.ConfigStream": config_pb2.ConfigAck(update_id="u", component_id="c"),
}
"""First messages of streams, without the text."""
REQUESTS: dict[str, Message] = {
    "audit.IngestEvents": audit_pb2.AuditIngestRequest(entries=[_EVENT]),
    "config.ApplyConfig": config_pb2.ConfigUpdate(
        threshold=config_pb2.ThresholdUpdate(component="c", parameter="p", value=1)
    ),
    "directives.DecideDirective": directives_pb2.DecideDirectiveRequest(directive_id="d"),
    "quarantine.IssueDirective": directive(1, requires_approval=True),
    "testing.InjectFault": testing_pb2.FaultInjectionRequest(
        type=testing_pb2.FAULT_INJECTION_TYPE_BIT_FLIP, target_gpu=_GPU
    ),
    "tmr.ReportTmrResult": trust_pb2.TmrResult(canary_id="c", results=[trust_pb2.TmrGpuResult(gpu=_GPU)]),
}
KEPT = {
    "probes.StreamProbeResults executions.execution_id",
    "anomalies.StreamAnomalyEvents events.event_id",
    "anomalies.StreamAnomalyEvents events.details",
    "anomalies.StreamAnomalyEvents events.metadata",
    "anomalies.StreamAnomalyEvents events.layer_name",
    "anomalies.StreamAnomalyEvents events.model_id",
    "tmr.ReportTmrResult results.error_message",
}
"""Stand in the ledger within the message they came in, which has a bound of its own."""
IGNORED = (
    "telemetry.StreamTelemetry reports.power.gpu.",
    "telemetry.StreamTelemetry reports.ecc.gpu.",
    "quarantine.IssueDirective gpu.",
    "quarantine.IssueDirective approval.",
    "testing.InjectFault target_sm.gpu.",
    "tmr.ReportTmrResult dissenting_gpu.",
)
"""Not believed, or said elsewhere too: nobody looks at them."""
LOOKED_AT = {"quarantine.IssueDirective gpu.uuid"}
BAD = {"NUL": "GPU-a\0b", "5000 characters": "x" * 5000}


def _places(message: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The way to each text of a message, told by its descriptor."""
    for field in message.fields:
        inner = field.message_type
        if field.type == FieldDescriptor.TYPE_STRING or (inner and inner.GetOptions().map_entry):
            yield (*way, field.name)
        elif inner is not None and inner.full_name != "google.protobuf.Timestamp":
            yield from _places(inner, (*way, field.name))


def _put(message: Any, way: tuple[str, ...], text: str) -> None:
    *parts, last = way
    for name in parts:
        inner = getattr(message, name)
        message = (inner[0] if len(inner) else inner.add()) if hasattr(inner, "add") else inner
    field = message.DESCRIPTOR.fields_by_name[last]
    if field.message_type is not None:
        getattr(message, last)[text] = text
    elif field.is_repeated:
        getattr(message, last).append(text)
    else:
        setattr(message, last, text)


MESSAGES = {**REPORTS, **REQUESTS}
PLACES = [f"{name} {'.'.join(way)}" for name, message in MESSAGES.items() for way in _places(message.DESCRIPTOR)]
REFUSED = [place for place in PLACES if place not in KEPT and (place in LOOKED_AT or not place.startswith(IGNORED))]


def _with_text(place: str, text: str) -> tuple[str, Message]:
    """The method, and its message with the text in that place."""
    name, way = place.split(" ")
    message = type(MESSAGES[name])()
    message.CopyFrom(MESSAGES[name])
    _put(message, tuple(way.split(".")), text)
    return name, message


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def client(request, tmp_path_factory):
    """A client of one gateway on each of the databases."""
    groups: dict[str, Any] = {"testing": {"enabled": True}}
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        groups["database"] = {"url": server.url(server.create_database())}
    async with (
        running_gateway(settings(tmp_path_factory.mktemp("texts"), groups)) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        await Client(channel).report(batch())
        yield Client(channel)


async def _answer(client: Client, name: str, message: Message) -> Any:
    """What a method says to a message, whether or not it is a stream."""
    service, method = name.split(".")
    ask: Any = client.apply_config if method == "ApplyConfig" else getattr(getattr(client, service), method)
    if name not in REPORTS:
        return await ask(message, timeout=WITHIN_S)
    stream = ask(timeout=WITHIN_S)
    await stream.write(message)
    answer = await stream.read()
    stream.cancel()
    return answer


async def _objection(client: Client, name: str, message: Message) -> str:
    """Why a message is refused; empty where it is taken."""
    try:
        answer = await _answer(client, name, message)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
            raise
        return error.details() or ""
    if isinstance(answer, telemetry_pb2.TelemetryAck):
        return "" if answer.accepted else "a gpu, its uuid, hostname, model, driver_version or firmware_version"
    return str(getattr(answer, "rejection_reason", "") or getattr(answer, "error", ""))


@pytest.mark.parametrize("place", REFUSED)
async def test_what_cannot_be_stored_is_refused_by_name(client, place):
    field = re.split(r"[ .]|agent_|source_", place)[-1]

    for text in BAD.values():
        assert field in await _objection(client, *_with_text(place, text))


@pytest.mark.parametrize("place", sorted(KEPT))
async def test_within_evidence_it_is_kept_as_it_came(client, place):
    text = f"{place}\0"

    assert await _objection(client, *_with_text(place, text)) == ""
    newest = audit_pb2.AuditQueryRequest(descending=True, limit=10)
    found = await client.audit.QueryAuditTrail(newest, timeout=WITHIN_S)
    assert any(text.encode() in entry.data for entry in found.entries)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_one_entry_that_cannot_be_stored_leaves_the_others_out(client, text):
    gpus = [common_pb2.GpuIdentifier(uuid="GPU-new"), common_pb2.GpuIdentifier(uuid="GPU-new", model=text)]
    entries = [audit_pb2.AuditEntry(entry_type=_EVENT.entry_type, gpu=gpu) for gpu in gpus]
    about = audit_pb2.AuditQueryRequest(gpu=gpus[0])

    ingest = partial(client.audit.IngestEvents, timeout=WITHIN_S)
    with pytest.raises(grpc.aio.AioRpcError, match=r"entries\[1\].gpu.model"):
        await ingest(audit_pb2.AuditIngestRequest(entries=entries))

    assert not (await client.audit.QueryAuditTrail(about, timeout=WITHIN_S)).entries


async def test_after_all_of_it_the_ledger_verifies(client):
    verified = await client.audit.VerifyChain(audit_pb2.ChainVerificationRequest(), timeout=WITHIN_S)

    assert verified.valid, verified.failure_description
