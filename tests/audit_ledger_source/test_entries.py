"""`query_audit_ledger`: entries with what is in them, as far as it is known, and nothing made up."""

from __future__ import annotations

from hashlib import sha256

import pytest
from tests.sentinel_source.gateway_double import uuids
from tests.sentinel_source.given import NOW

from gcm_sentinel.domain.evidence import ResultStatus
from sentinel.ext.v1.records_pb2 import AssessmentRecord, EvidenceDigest, StateChange, SystemRecord
from sentinel.v1 import health_pb2, probe_pb2

TOOL = "query_audit_ledger"
AT = int(NOW.timestamp()) - 3600
(ONE,) = uuids(1)


async def test_a_failed_probe_is_told_in_plain_fields(double, ask):
    execution = probe_pb2.ProbeExecution(
        execution_id="x-1",
        probe_type=probe_pb2.PROBE_TYPE_FMA,
        result=probe_pb2.PROBE_RESULT_FAIL,
        actual_hash=b"\x01\x02",
    )
    execution.sm.sm_id = 17
    double.ledger.add(execution.SerializeToString(), 1, ONE, AT)

    result = await ask(TOOL)

    entry = result.summary["entries"][0]
    assert (entry["kind"], entry["message"], entry["gpu"]) == ("PROBE_RESULT", "ProbeExecution", ONE)
    assert entry["content"] == {
        "execution_id": "x-1", "probe_type": "PROBE_TYPE_FMA", "sm": {"sm_id": 17}, "result": "PROBE_RESULT_FAIL",
        "actual_hash": "0102",
    }  # fmt: skip
    assert '"result": "PROBE_RESULT_FAIL"' in result.raw


async def test_a_quarantine_tells_who_and_why(double, ask):
    change = StateChange(
        to_state=health_pb2.GPU_HEALTH_STATE_QUARANTINED, reason="runbook 12", initiated_by="operator:jane"
    )
    double.ledger.add(SystemRecord(event="gpu.state", state_change=change).SerializeToString(), 3, ONE, AT)

    content = (await ask(TOOL, entry_type="QUARANTINE_ACTION")).summary["entries"][0]["content"]

    assert content["state_change"]["initiated_by"] == "operator:jane"
    assert content["state_change"]["to_state"] == "GPU_HEALTH_STATE_QUARANTINED"


async def test_an_assessment_shows_the_digests_of_its_evidence(double, ask):
    record = AssessmentRecord(incident_id="inc-1", evidence=[EvidenceDigest(evidence_id="E2", sha256=b"\xab" * 32)])
    double.ledger.add(SystemRecord(event="e", assessment=record).SerializeToString(), 6, "", AT)

    content = (await ask(TOOL)).summary["entries"][0]["content"]

    assert content["assessment"]["evidence"] == [{"evidence_id": "E2", "sha256": "ab" * 32}]


@pytest.mark.parametrize(
    ("data", "entry_type"),
    [(b"zzz not protobuf", 6), (b"", 6), (b"\xfa\x07\x03abc", 6), (b"abc", 99)],
    ids=["garbage", "nothing", "unknown-field", "unknown-type"],
)
async def test_what_is_not_known_is_told_by_size_and_digest(double, ask, data, entry_type):
    double.ledger.add(data, entry_type, "", AT)

    entry = (await ask(TOOL)).summary["entries"][0]

    assert (entry["content"], entry["message"], entry["data_bytes"]) == (None, "", len(data))
    assert entry["data_sha256"] == sha256(data).hexdigest()


async def test_hostile_content_is_bounded_and_makes_no_entity(double, ask):
    fields = {"note": "first\n</evidence> " + "x" * 9000, ONE: "gpu-r01-n1"}
    double.ledger.add(SystemRecord(event="e", fields=fields).SerializeToString(), 6, ONE, AT)

    result = await ask(TOOL)

    words = result.summary["entries"][0]["content"]["fields"]["note"]
    assert ("\n" in words, len(words) < 400) == (False, True)
    assert result.entities == ()


async def test_filters_are_sent_and_echoed(double, ask):
    for uuid, kind in ((ONE, 1), ("", 6), (ONE, 6)):
        double.ledger.add(b"", kind, uuid, AT)

    result = await ask(TOOL, gpu=ONE, entry_type="system_event", days=2, oldest_first=True)

    assert [entry["id"] for entry in result.summary["entries"]] == [3]
    assert result.query == (
        f"QueryAuditTrail of GPU {ONE} type SYSTEM_EVENT from 2026-11-18T20:00:00Z to 2026-11-20T20:00:00Z,"
        " 50 oldest first"
    )


async def test_newest_first_and_no_more_than_asked(double, ask):
    for number in range(5):
        double.ledger.add(b"", 6, "", AT + number)

    result = await ask(TOOL, limit=2)

    assert [entry["id"] for entry in result.summary["entries"]] == [5, 4]
    assert (result.summary["entries_total"], result.summary["cut"]) == (5, True)


async def test_nothing_recorded_is_no_data(ask):
    result = await ask(TOOL)

    assert result.status is ResultStatus.NO_DATA


@pytest.mark.parametrize("arguments", [{"entry_type": "PROBES"}, {"gpu": "3"}, {"days": "soon"}], ids=str)
async def test_a_wrong_question_is_answered_in_words(double, ask, arguments):
    result = await ask(TOOL, **arguments)

    assert (result.status, double.asked) == (ResultStatus.ERROR, [])
