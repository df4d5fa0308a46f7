"""Every operation sends what it says and reads what comes, through both faces."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from google.protobuf import descriptor_pool, empty_pb2
from tests.sentinel_sdk.scripted import METHODS, made

from sentinel.ext.v1 import directives_pb2, events_pb2, ledger_pb2, tmr_pb2
from sentinel.v1 import audit_pb2, config_pb2, correlation_pb2, health_pb2, quarantine_pb2, trust_pb2
from sentinel_sdk import SentinelClient, methods, types
from sentinel_sdk.errors import InvalidArgumentError
from sentinel_sdk.types import DirectiveStatus, GpuHealthState, QuarantineAction
from sentinel_sdk.types.timestamps import to_timestamp

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC)
UNDECLARED = {methods.GET_TRUST_GRAPH.path, methods.APPLY_CONFIG.path}


@pytest.mark.parametrize("path", sorted(set(METHODS) - UNDECLARED))
def test_a_method_is_declared_as_the_library_calls_it(path):
    service, _, name = path[1:].partition("/")
    declared = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)

    assert declared.input_type.full_name == METHODS[path].request.DESCRIPTOR.full_name
    assert declared.output_type.full_name == METHODS[path].response.DESCRIPTOR.full_name


def test_every_operation_has_both_faces():
    public = {name for name in dir(SentinelClient) if not name.startswith("_")} - {"with_timeout"}
    asynchronous = {name for name in public if name.startswith("a") and name[1:] in public}

    assert public - asynchronous - {"closed", "policy"} == {name[1:] for name in asynchronous}


async def test_gpu_health(server, ask):
    answer = made(
        correlation_pb2.HealthQueryResponse,
        health=made(health_pb2.GpuHealth, gpu={"uuid": "GPU-1"}, state=2, alpha=100),
    )
    server.answers(methods.QUERY_GPU_HEALTH, answer)

    health = await ask("query_gpu_health", "GPU-1")

    assert (health.state, health.gpu.uuid, health.alpha) == (GpuHealthState.SUSPECT, "GPU-1", 100.0)
    assert server.requests(methods.QUERY_GPU_HEALTH) == [
        made(correlation_pb2.HealthQueryRequest, gpu={"uuid": "GPU-1"}, include_sm_health=True)
    ]


async def test_gpu_health_with_its_correlations(server, ask):
    answer = made(correlation_pb2.HealthQueryResponse, health={}, recent_correlations=[{"event_id": "c-1"}])
    server.answers(methods.QUERY_GPU_HEALTH, answer)

    detail = await ask("query_gpu_health_detail", "GPU-1", include_sm_health=False)

    assert detail.recent_correlations[0].event_id == "c-1"
    assert not server.requests(methods.QUERY_GPU_HEALTH)[0].include_sm_health


async def test_the_fleet_s_summary(server, ask):
    server.answers(methods.QUERY_FLEET_HEALTH, made(correlation_pb2.FleetHealthResponse, summary={"total_gpus": 8}))

    fleet = await ask("query_fleet_health", "rack-3", "H100", [GpuHealthState.SUSPECT, GpuHealthState.QUARANTINED])

    assert fleet.total_gpus == 8
    assert server.requests(methods.QUERY_FLEET_HEALTH) == [
        made(correlation_pb2.FleetHealthRequest, hostname_prefix="rack-3", model_filter="H100", state_filter=[2, 3])
    ]


async def test_the_fleet_gpu_by_gpu(server, ask):
    answer = made(
        correlation_pb2.FleetHealthResponse,
        summary={},
        gpu_health=[{"gpu": {"uuid": "GPU-1"}}],
        truncated=True,
        total_matching=9,
    )
    server.answers(methods.QUERY_FLEET_HEALTH, answer)

    fleet = await ask("query_fleet")

    assert (fleet.gpu_health[0].gpu.uuid, fleet.truncated, fleet.total_matching) == ("GPU-1", True, 9)


async def test_listing_gpus_says_when_some_are_left_out(server, ask, caplog):
    answer = made(correlation_pb2.FleetHealthResponse, gpu_health=[{"state": 3}], truncated=True, total_matching=9)
    server.answers(methods.QUERY_FLEET_HEALTH, answer)

    gpus = await ask("list_gpus", state=GpuHealthState.QUARANTINED, model="H100")

    assert [gpu.state for gpu in gpus] == [GpuHealthState.QUARANTINED]
    assert list(server.requests(methods.QUERY_FLEET_HEALTH)[0].state_filter) == [3]
    assert "fleet.truncated listed=1 of=9" in caplog.text


async def test_history(server, ask):
    answer = made(
        correlation_pb2.GpuHistoryResponse, state_transitions=[{"from_state": 1, "to_state": 2}], next_page_token="t"
    )
    server.answers(methods.GET_GPU_HISTORY, answer)

    history = await ask("get_gpu_history", "GPU-1", start_time=START, end_time=END)

    assert history.state_transitions[0].to_state is GpuHealthState.SUSPECT
    assert server.requests(methods.GET_GPU_HISTORY) == [
        made(
            correlation_pb2.GpuHistoryRequest,
            gpu={"uuid": "GPU-1"},
            start_time=to_timestamp(START),
            end_time=to_timestamp(END),
            limit=1000,
        )
    ]


async def test_the_trust_graph_which_no_definition_declares(server, ask):
    server.answers(
        methods.GET_TRUST_GRAPH, made(trust_pb2.TrustGraphSnapshot, total_gpus=4, edges=[{"agreement_count": 3}])
    )

    graph = await ask("get_trust_graph")

    assert (graph.total_gpus, graph.edges[0].agreement_count) == (4, 3)
    assert server.requests(methods.GET_TRUST_GRAPH) == [made(empty_pb2.Empty)]


async def test_the_causes_that_stand_raised(server, ask):
    cause = {"key": "probe//2", "shared": "probe", "gpus": 9, "raised": True, "probe_types": [1, 99]}
    server.answers(methods.LIST_SHARED_CAUSES, made(events_pb2.ListSharedCausesResponse, causes=[cause]))

    (told,) = await ask("list_shared_causes")

    assert (told.key, told.gpus, told.raised, told.since) == ("probe//2", 9, True, None)
    assert [kind.name for kind in told.probe_types] == ["FMA", "UNKNOWN_99"]


async def test_a_tmr_result(server, ask):
    server.answers(
        methods.REPORT_TMR_RESULT, made(tmr_pb2.TmrVerdict, canary_id="c", outcome=2, dissenting_gpu={"uuid": "G"})
    )

    verdict = await ask("report_tmr_result", types.TmrResult(canary_id="c", results=[types.TmrGpuResult(success=True)]))

    assert (verdict.outcome, verdict.dissenting_gpu.uuid) == (types.TmrOutcome.DISSENT, "G")
    assert server.requests(methods.REPORT_TMR_RESULT)[0].results[0].success


async def test_a_tmr_result_without_an_id_is_not_sent(server, ask):
    with pytest.raises(InvalidArgumentError, match="canary_id"):
        await ask("report_tmr_result", types.TmrResult())

    assert server.seen == []


async def test_a_directive_with_an_id_and_a_time_of_its_own(server, ask):
    answer = made(quarantine_pb2.DirectiveResponse, accepted=True, resulting_state="QUARANTINED")
    server.answers(methods.ISSUE_DIRECTIVE, answer)

    response = await ask("issue_quarantine", "GPU-1", QuarantineAction.QUARANTINE, "why", evidence=["e-1"])

    sent = server.requests(methods.ISSUE_DIRECTIVE)[0]
    assert uuid.UUID(sent.directive_id).version == 7
    assert abs(sent.timestamp.seconds - datetime.now(UTC).timestamp()) < 60
    assert (sent.gpu.uuid, sent.action, sent.reason, list(sent.evidence)) == ("GPU-1", 1, "why", ["e-1"])
    assert (sent.initiated_by, sent.requires_approval) == ("sentinel-sdk", False)
    assert (response.accepted, response.resulting_state, response.waiting) == (True, "QUARANTINED", False)


async def test_a_directive_that_waits_for_a_person_says_so(server, ask):
    def waits(_request, context):
        context.set_trailing_metadata((("sentinel-directive-status", "waiting"),))
        return made(quarantine_pb2.DirectiveResponse, accepted=True, resulting_state="SUSPECT")

    server.on(methods.ISSUE_DIRECTIVE, waits)

    response = await ask("issue_quarantine", "GPU-1", QuarantineAction.CONDEMN, "why", requires_approval=True)

    assert response.waiting
    assert server.requests(methods.ISSUE_DIRECTIVE)[0].requires_approval


async def test_a_directive_may_bring_its_own_id(server, ask):
    server.answers(methods.ISSUE_DIRECTIVE, made(quarantine_pb2.DirectiveResponse))
    directive = types.QuarantineDirective(
        directive_id="mine", action=QuarantineAction.REINSTATE, priority=3, timestamp=START
    )

    await ask("issue_directive", directive)

    assert server.requests(methods.ISSUE_DIRECTIVE) == [directive.to_proto()]


@pytest.mark.parametrize(
    ("name", "action"), [("quarantine_gpu", 1), ("reinstate_gpu", 2), ("condemn_gpu", 3), ("schedule_deep_test", 4)]
)
async def test_each_action_has_a_method_of_its_own(server, ask, name, action):
    server.answers(methods.ISSUE_DIRECTIVE, made(quarantine_pb2.DirectiveResponse, accepted=True))

    await ask(name, "GPU-1", "why", evidence=["e"])

    sent = server.requests(methods.ISSUE_DIRECTIVE)[0]
    assert (sent.action, sent.gpu.uuid, sent.reason, list(sent.evidence)) == (action, "GPU-1", "why", ["e"])


async def test_looking_up_directives(server, ask):
    record = made(
        directives_pb2.DirectiveRecord, directive={"directive_id": "d"}, status=1, from_state=2, resulting_state=2
    )
    server.answers(methods.GET_DIRECTIVE, record)
    server.answers(methods.LIST_DIRECTIVES, made(directives_pb2.ListDirectivesResponse, directives=[record]))

    one = await ask("get_directive", "d")
    listed = await ask("list_directives", "GPU-1", DirectiveStatus.WAITING, limit=5)

    assert listed.directives == [one]
    assert one.status is DirectiveStatus.WAITING
    assert server.requests(methods.LIST_DIRECTIVES) == [
        made(directives_pb2.ListDirectivesRequest, gpu_uuid="GPU-1", status=[1], limit=5)
    ]


@pytest.mark.parametrize(("name", "approve"), [("approve_directive", True), ("deny_directive", False)])
async def test_deciding_a_directive(server, ask, name, approve):
    server.answers(methods.DECIDE_DIRECTIVE, made(directives_pb2.DirectiveRecord, status=2))

    await ask(name, "d", comment="seen")

    assert server.requests(methods.DECIDE_DIRECTIVE) == [
        made(directives_pb2.DecideDirectiveRequest, directive_id="d", approve=approve, comment="seen")
    ]


async def test_withdrawing_a_directive(server, ask):
    answer = made(directives_pb2.DirectiveRecord, status=6, issued_by="ann", note="withdrawn by ann")
    server.answers(methods.WITHDRAW_DIRECTIVE, answer)

    record = await ask("withdraw_directive", "d", comment="a mistake")

    assert (record.status, record.issued_by) == (DirectiveStatus.WITHDRAWN, "ann")
    assert server.requests(methods.WITHDRAW_DIRECTIVE) == [
        made(directives_pb2.WithdrawDirectiveRequest, directive_id="d", comment="a mistake")
    ]


async def test_the_audit_trail(server, ask):
    answer = made(audit_pb2.AuditQueryResponse, entries=[{"entry_id": 7, "entry_type": 3}], total_count=12)
    server.answers(methods.QUERY_AUDIT_TRAIL, answer)
    filters = types.AuditQueryFilters(
        gpu=types.GpuIdentifier(uuid="GPU-1"), start_time=START, limit=50, descending=True
    )

    result = await ask("query_audit_trail", filters)

    assert (result.total_count, result.entries[0].entry_id, result.entries[0].gpu) == (12, 7, None)
    assert server.requests(methods.QUERY_AUDIT_TRAIL) == [
        made(
            audit_pb2.AuditQueryRequest,
            gpu={"uuid": "GPU-1"},
            start_time=to_timestamp(START),
            limit=50,
            descending=True,
        )
    ]


async def test_verifying_the_chain(server, ask):
    server.answers(methods.VERIFY_CHAIN, made(audit_pb2.ChainVerificationResponse, valid=True, entries_verified=9))

    result = await ask("verify_chain", start_entry_id=3, verify_merkle_roots=False)

    assert (result.valid, result.entries_verified) == (True, 9)
    assert server.requests(methods.VERIFY_CHAIN) == [made(audit_pb2.ChainVerificationRequest, start_entry_id=3)]


async def test_times_of_a_verification_are_not_dropped_in_silence(server, ask, caplog):
    server.answers(methods.VERIFY_CHAIN, made(audit_pb2.ChainVerificationResponse, valid=True))

    await ask("verify_chain", start_time=START)

    assert "verify_chain.times_ignored" in caplog.text


async def test_recording_entries(server, ask):
    server.answers(
        methods.INGEST_EVENTS, made(audit_pb2.AuditIngestResponse, success=True, entries_ingested=1, last_entry_id=4)
    )

    recorded = await ask(
        "ingest_audit_entries",
        [types.AuditEntry(entry_type=types.AuditEntryType.SYSTEM_EVENT, data=b"x")],
        idempotency_key="once",
    )

    assert (recorded.success, recorded.last_entry_id) == (True, 4)
    assert server.seen[0].metadata["sentinel-idempotency-key"] == "once"
    assert server.requests(methods.INGEST_EVENTS)[0].entries[0].data == b"x"


async def test_configuration_which_no_definition_declares(server, ask):
    server.answers(methods.APPLY_CONFIG, made(config_pb2.ConfigAck, update_id="u", applied=True, config_version=3))
    update = types.ConfigUpdate(initiated_by="jane", overhead_budget=types.OverheadBudgetUpdate(budget_pct=1.0))

    ack = await ask("update_config", update)

    sent = server.requests(methods.APPLY_CONFIG)[0]
    assert (ack.applied, ack.config_version) == (True, 3)
    assert sent.WhichOneof("update") == "overhead_budget"
    assert uuid.UUID(sent.update_id).version == 7
    assert update.update_id == ""


@pytest.mark.parametrize(
    ("payloads", "named"),
    [({}, "none"), ({"threshold": {}, "sampling_rate": {}}, "sampling_rate, threshold")],
    ids=["none", "two"],
)
async def test_an_update_with_not_exactly_one_payload_is_not_sent(server, ask, payloads, named):
    with pytest.raises(InvalidArgumentError, match=f"carries {named}"):
        await ask("update_config", types.ConfigUpdate(**payloads))

    assert server.seen == []


@pytest.mark.parametrize(("name", "kind"), [("generate_soc2_report", 1), ("generate_iso27001_report", 2)])
async def test_reports_come_in_parts_and_arrive_whole(server, ask, name, kind):
    parts = [made(ledger_pb2.ReportChunk, content=b"<html>"), made(ledger_pb2.ReportChunk, content=b"</html>")]
    server.on(methods.GENERATE_REPORT, lambda _request, _context: iter(parts))

    report = await ask(name, START, END, "html")

    assert report == b"<html></html>"
    assert server.requests(methods.GENERATE_REPORT) == [
        made(
            ledger_pb2.GenerateReportRequest,
            kind=kind,
            format=3,
            start_time=to_timestamp(START),
            end_time=to_timestamp(END),
        )
    ]


async def test_a_report_in_a_form_that_does_not_exist_is_not_asked_for(server, ask):
    with pytest.raises(InvalidArgumentError, match="json, csv or html, not 'pdf'"):
        await ask("generate_soc2_report", START, END, "pdf")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("issue_quarantine", ["GPU-1", "QUARANTINE", "why"]),
        ("query_audit_trail", [types.AuditQueryFilters(limit=2**40)]),
        ("ingest_audit_entries", [[types.AuditEntry(entry_id=-1)]]),
        ("ingest_audit_entries", [[types.AuditEntry()], "clé"]),
    ],
)
async def test_a_value_no_message_can_hold_is_an_error_of_ours(server, ask, name, arguments):
    with pytest.raises(InvalidArgumentError):
        await ask(name, *arguments)

    assert server.seen == []


@pytest.mark.parametrize("limit", [-1, 2**32])
async def test_a_limit_the_wire_cannot_carry_is_named(ask, limit):
    with pytest.raises(InvalidArgumentError, match=f"not {limit}"):
        await ask("get_gpu_history", "GPU-1", START, END, limit)
