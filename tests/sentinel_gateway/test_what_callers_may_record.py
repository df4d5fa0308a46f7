"""What callers put into the ledger by themselves never passes for what the gateway saw."""

from __future__ import annotations

import grpc
import pytest
import pytest_asyncio
from tests.sentinel_gateway.driving import WITHIN_S, Client, refusal_of, until
from tests.sentinel_gateway.roles import bearer, role_settings

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import anomaly_pb2, audit_pb2, health_pb2
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.services.recording import OWN_EVENTS

PROBE, ANOMALY, ACTION, CONFIG, TMR, SYSTEM = range(1, 7)
DENIED, INVALID = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory):
    async with (
        running_gateway(role_settings(tmp_path_factory.mktemp("gateway"))) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        yield Client(channel)


def _ingest(client, role: str, kind: int, data: bytes = b""):
    entry = audit_pb2.AuditEntry(entry_type=audit_pb2.AuditEntryType.ValueType(kind), data=data)
    return client.audit.IngestEvents(
        audit_pb2.AuditIngestRequest(entries=[entry]), metadata=bearer(role), timeout=WITHIN_S
    )


def _event(name: str, **detail) -> bytes:
    return records_pb2.SystemRecord(event=name, **detail).SerializeToString()


@pytest.mark.parametrize("role", ["operator", "investigator", "responder"])
@pytest.mark.parametrize("kind", [PROBE, ACTION, CONFIG, TMR])
async def test_what_happened_to_the_fleet_is_recorded_by_the_gateway_alone(client, role, kind):
    code, words = await refusal_of(_ingest(client, role, kind))

    assert code is DENIED
    assert "ANOMALY_EVENT and SYSTEM_EVENT" in words


@pytest.mark.parametrize("role", ["operator", "investigator", "responder"])
async def test_events_and_anomalies_may_be_recorded(client, role):
    assessment = _event("assessment.published", assessment=records_pb2.AssessmentRecord(incident_id="i"))

    assert (await _ingest(client, role, SYSTEM, assessment)).success
    assert (await _ingest(client, role, SYSTEM, b"no message at all \xff")).success
    assert (await _ingest(client, role, ANOMALY, anomaly_pb2.AnomalyEvent(event_id="a").SerializeToString())).success


async def test_an_admin_may_record_every_type(client):
    answers = [await _ingest(client, "admin", kind) for kind in (PROBE, ANOMALY, ACTION, CONFIG, TMR, SYSTEM)]

    assert all(answer.success for answer in answers)


@pytest.mark.parametrize("event", [*(f"{word}.started" for word in OWN_EVENTS), " Gateway.started", "AUTH.REFUSED"])
@pytest.mark.parametrize("role", ["investigator", "responder", "admin"])
async def test_nobody_uses_the_gateways_own_names_of_events(client, role, event):
    code, words = await refusal_of(_ingest(client, role, SYSTEM, _event(event)))

    assert code is INVALID
    assert "gateway's own" in words


@pytest.mark.parametrize(
    "detail",
    [
        {"state_change": records_pb2.StateChange(to_state=health_pb2.GPU_HEALTH_STATE_HEALTHY)},
        {"retention_cut": records_pb2.RetentionCut(first_kept_entry_id=9)},
        {"probe_summary": records_pb2.ProbeSummary()},
    ],
    ids=lambda detail: next(iter(detail)),
)
async def test_nobody_gives_the_details_that_only_the_gateway_gives(client, detail):
    code, words = await refusal_of(_ingest(client, "admin", SYSTEM, _event("my.event", **detail)))

    assert code is INVALID
    assert next(iter(detail)) in words


async def test_one_entry_that_may_not_be_recorded_leaves_the_others_out(client):
    entries = [
        audit_pb2.AuditEntry(entry_type=audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT, data=_event("half.done")),
        audit_pb2.AuditEntry(entry_type=audit_pb2.AUDIT_ENTRY_TYPE_TMR_RESULT),
    ]
    request = audit_pb2.AuditIngestRequest(entries=entries)

    await refusal_of(client.audit.IngestEvents(request, metadata=bearer("operator"), timeout=WITHIN_S))

    assert all(b"half.done" not in entry.data for entry in await _trail(client))


async def test_the_refusal_itself_is_recorded(client):
    await refusal_of(_ingest(client, "operator", ACTION))

    async def recorded() -> bool:
        records = [records_pb2.SystemRecord.FromString(entry.data) for entry in await _trail(client, SYSTEM)]
        refused = [record for record in records if record.event == "auth.refused"]
        return any(record.fields["who"] == "operator" for record in refused)

    await until(recorded, "the refusal is recorded")


async def _trail(client, kind: int = 0):
    request = audit_pb2.AuditQueryRequest(entry_type=audit_pb2.AuditEntryType.ValueType(kind), limit=1000)
    answer = await client.audit.QueryAuditTrail(request, metadata=bearer("admin"), timeout=WITHIN_S)
    return [entry for entry in answer.entries if entry.data != b"no message at all \xff"]
