"""What agents report is checked, kept and evidenced: signatures, anomalies, telemetry, canaries, pushed settings.

On both databases, for all of it is stored.
"""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from tests.sentinel_gateway.driving import GPU, WITHIN_S, batch, code_of, execution, until

from sentinel.ext.v1 import records_pb2, tmr_pb2
from sentinel.internal import testing_pb2
from sentinel.v1 import (
    anomaly_pb2,
    audit_pb2,
    common_pb2,
    config_pb2,
    correlation_pb2,
    probe_pb2,
    telemetry_pb2,
    trust_pb2,
)
from sentinel_sdk.signing import Key, sign_messages

KEY = b"the fleet's key"


async def _entries(
    client, entry_type: audit_pb2.AuditEntryType.ValueType = audit_pb2.AUDIT_ENTRY_TYPE_UNSPECIFIED
) -> list[audit_pb2.AuditEntry]:
    request = audit_pb2.AuditQueryRequest(entry_type=entry_type, limit=1000)
    return list((await client.audit.QueryAuditTrail(request, timeout=WITHIN_S)).entries)


async def _health(client):
    query = correlation_pb2.HealthQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU))
    return (await client.correlation.QueryGpuHealth(query, timeout=WITHIN_S)).health


@pytest.fixture
def groups(database):
    return database


class TestSignatures:
    @pytest.fixture
    def groups(self, database):
        return {"probes": {"hmac_key": KEY.decode()}, **database}

    async def test_a_forged_signature_is_refused_and_recorded(self, client):
        good = execution()
        sign_messages([good], Key(KEY))
        forged = execution(2, execution_id="2", hmac_signature=bytes(32))

        ack = await client.report(batch(good, forged))

        assert ack.accepted
        assert "1" in ack.rejection_reason
        health = await _health(client)
        assert (health.probe_pass_count, health.probe_fail_count) == (1, 0)
        await until(lambda: _is_recorded(client, b"ingest.refused"), "the refusal is recorded")

    async def test_a_batch_without_any_good_signature_is_not_accepted(self, client):
        ack = await client.report(batch(execution(2)))

        assert not ack.accepted
        assert ack.rejection_reason

    async def test_a_result_that_was_changed_on_the_way_is_refused(self, client):
        changed = execution(1)
        sign_messages([changed], Key(KEY))
        changed.result = probe_pb2.PROBE_RESULT_FAIL

        assert not (await client.report(batch(changed))).accepted


async def _is_recorded(client, event: bytes) -> bool:
    return any(event in entry.data for entry in await _entries(client, audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT))


async def _answer(call: Any, message: Message):
    await call.write(message)
    return await call.read()


async def test_anomalies_and_telemetry_are_acknowledged(client):
    gpu = common_pb2.GpuIdentifier(uuid=GPU, hostname="node-1")
    anomalies = client.anomalies.StreamAnomalyEvents(timeout=WITHIN_S)
    telemetry = client.telemetry.StreamTelemetry(timeout=WITHIN_S)
    event = anomaly_pb2.AnomalyEvent(event_id="1", anomaly_type=anomaly_pb2.ANOMALY_TYPE_LOGIT_DRIFT, gpu=gpu)
    report = telemetry_pb2.GpuTelemetryReport(thermal=telemetry_pb2.ThermalReading(gpu=gpu, temperature_c=60))

    seen = await _answer(anomalies, anomaly_pb2.AnomalyBatch(source_hostname="m", events=[event], sequence_number=3))
    heat = await _answer(
        telemetry, telemetry_pb2.TelemetryBatch(agent_hostname="n", reports=[report], sequence_number=4)
    )

    assert (seen.sequence_number, seen.accepted, heat.sequence_number, heat.accepted) == (3, True, 4, True)
    assert (await _health(client)).anomaly_count == 1
    anomalies.cancel()
    telemetry.cancel()


async def test_the_gateway_votes_on_a_canary_itself(client):
    gpus = [common_pb2.GpuIdentifier(uuid=f"GPU-{number}") for number in range(3)]
    prints = (b"a", b"a", b"b")
    results = [
        trust_pb2.TmrGpuResult(gpu=g, output_fingerprint=p, success=True) for g, p in zip(gpus, prints, strict=True)
    ]
    claim = trust_pb2.TmrResult(canary_id="c", results=results, unanimous=True)

    verdict = await client.tmr.ReportTmrResult(claim, timeout=WITHIN_S)

    assert verdict.outcome == tmr_pb2.TMR_OUTCOME_DISSENT
    assert verdict.dissenting_gpu.uuid == "GPU-2"
    assert (await client.tmr.ReportTmrResult(claim, timeout=WITHIN_S)).duplicate
    graph = await client.trust_graph(Empty(), timeout=WITHIN_S)
    assert {(edge.gpu_a.uuid, edge.gpu_b.uuid): edge.trust_score for edge in graph.edges} == {
        ("GPU-0", "GPU-1"): 1, ("GPU-0", "GPU-2"): 0, ("GPU-1", "GPU-2"): 0,
    }  # fmt: skip


async def test_pushed_settings_reach_components_and_are_acknowledged(client):
    stream = client.config.ConfigStream(timeout=WITHIN_S)
    await stream.write(config_pb2.ConfigAck(component_id="node-1"))
    await stream.initial_metadata()
    update = config_pb2.ConfigUpdate(update_id="u", overhead_budget=config_pb2.OverheadBudgetUpdate(budget_pct=3))

    pushed = await client.apply_config(update, timeout=WITHIN_S)
    heard = await stream.read()
    await stream.write(config_pb2.ConfigAck(update_id="u", applied=True, config_version=pushed.config_version))

    assert (pushed.applied, heard.overhead_budget.budget_pct) == (True, 3)
    stream.cancel()
    again = client.config.ConfigStream(timeout=WITHIN_S)
    await again.write(config_pb2.ConfigAck(component_id="node-2"))
    assert (await again.read()).update_id == "u"
    again.cancel()


async def test_a_pushed_setting_out_of_range_is_not_applied(client):
    update = config_pb2.ConfigUpdate(overhead_budget=config_pb2.OverheadBudgetUpdate(budget_pct=300))

    answer = await client.apply_config(update, timeout=WITHIN_S)
    assert not answer.applied
    assert "300" in answer.error


class TestFaults:
    @pytest.fixture
    def groups(self, database):
        return {"testing": {"enabled": True}, **database}

    async def test_a_fault_is_registered_listed_and_cleared(self, client):
        await client.report(batch())
        request = testing_pb2.FaultInjectionRequest(
            type=testing_pb2.FAULT_INJECTION_TYPE_BIT_FLIP,
            target_gpu=common_pb2.GpuIdentifier(uuid=GPU),
            weight_index=9,
        )

        made = await client.testing.InjectFault(request, timeout=WITHIN_S)
        listed = await client.testing.ListFaults(testing_pb2.ListFaultsRequest(), timeout=WITHIN_S)
        await client.testing.ClearFault(testing_pb2.ClearFaultRequest(injection_id=made.injection_id), timeout=WITHIN_S)
        after = await client.testing.ListFaults(testing_pb2.ListFaultsRequest(), timeout=WITHIN_S)

        assert made.activated_at.endswith("Z")
        assert [fault.injection_id for fault in listed.faults] == [made.injection_id]
        assert not after.faults


async def test_entries_somebody_records_are_chained_and_recorded_once_per_key(client):
    entry = audit_pb2.AuditEntry(
        entry_type=audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT,
        data=records_pb2.SystemRecord(event="x.y").SerializeToString(),
    )
    entry.timestamp.GetCurrentTime()
    request = audit_pb2.AuditIngestRequest(entries=[entry, entry])
    key = (("sentinel-idempotency-key", "k1"),)

    first = await client.audit.IngestEvents(request, metadata=key, timeout=WITHIN_S)
    again = await client.audit.IngestEvents(request, metadata=key, timeout=WITHIN_S)

    assert (first.success, first.entries_ingested) == (True, 2)
    assert again == first
    verified = await client.audit.VerifyChain(
        audit_pb2.ChainVerificationRequest(verify_merkle_roots=True), timeout=WITHIN_S
    )
    assert verified.valid
    assert verified.batches_verified >= 1


async def test_an_entry_without_a_time_cannot_be_sent_again(client):
    request = audit_pb2.AuditIngestRequest(
        entries=[audit_pb2.AuditEntry(entry_type=audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT)]
    )

    sent = client.audit.IngestEvents(request, metadata=(("sentinel-idempotency-key", "k1"),), timeout=WITHIN_S)
    assert await code_of(sent) is grpc.StatusCode.INVALID_ARGUMENT
    assert (await client.audit.IngestEvents(request, timeout=WITHIN_S)).success
