"""What entries hold, decoded once for exports, REST and the client library; what cannot be read stays bytes."""

from __future__ import annotations

import base64
import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.datastructures import QueryParams
from tests.sentinel_reports.story import HOSTILE

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import probe_pb2
from sentinel_gateway.ledger.export_data import decoded, described
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.wording import counted
from sentinel_gateway.rest.audit import audit_answer
from sentinel_gateway.rest.decoded import decoded as rest_decoded
from sentinel_sdk import AuditEntry, AuditEntryType, ProbeExecution, SystemRecord

RECORD = records_pb2.SystemRecord(event="auth.refused", fields={"who": HOSTILE}).SerializeToString()
NO_CALENDAR = records_pb2.SystemRecord(
    event="assessment.published", assessment=records_pb2.AssessmentRecord(concluded_at=Timestamp(seconds=10**15))
).SerializeToString()
LATER_FIELD = b"\xa2\x06\x01x"


def test_an_entry_is_a_typed_event_and_plain_fields():
    probe = probe_pb2.ProbeExecution(execution_id="e-1", probe_type=probe_pb2.PROBE_TYPE_FMA, result=2)  # type: ignore[arg-type]
    entry = AuditEntry(entry_type=AuditEntryType.PROBE_RESULT, data=probe.SerializeToString())

    assert isinstance(entry.event, ProbeExecution)
    assert (entry.event.execution_id, entry.event.result.name) == ("e-1", "FAIL")
    assert entry.fields == {"execution_id": "e-1", "probe_type": "PROBE_TYPE_FMA", "result": "PROBE_RESULT_FAIL"}
    assert entry.unread == ""


def test_hostile_texts_are_data():
    entry = AuditEntry(entry_type=AuditEntryType.SYSTEM_EVENT, data=RECORD)

    assert isinstance(entry.event, SystemRecord)
    assert entry.event.fields == entry.fields["fields"] == {"who": HOSTILE}
    assert json.loads(json.dumps(described(6, RECORD)))["decoded"]["value"]["fields"]["who"] == HOSTILE


@pytest.mark.parametrize(
    ("entry_type", "data", "why"),
    [
        (6, b"", "no data"),
        (2, b"\xff\xff", "are no AnomalyEvent and no SystemRecord"),
        (6, b"hello", "the 5 bytes are no SystemRecord"),
        (6, LATER_FIELD, "are no SystemRecord"),
        (77, RECORD, "entry type 77 is not known"),
        (6, NO_CALENDAR, "a time that no calendar has"),
    ],
)
def test_what_cannot_be_read_stays_bytes_and_says_why(entry_type, data, why):
    entry = AuditEntry(entry_type=AuditEntryType(entry_type), data=data)

    assert (entry.event, entry.fields, entry.data, decoded(entry_type, data)) == (None, {}, data, None)
    assert why in entry.unread
    assert described(entry_type, data) == {"decoded": None, "not_decoded": entry.unread}


async def test_rest_gives_the_details_beside_the_exact_bytes(told):
    page = await audit_answer(LedgerReader(told.database), QueryParams("type=SYSTEM_EVENT&limit=1000"))

    assert isinstance(page, dict)
    refused, unreadable = _two(page["entries"])
    assert refused["decoded"]["value"]["fields"]["who"].startswith("<script>")
    assert base64.b64decode(refused["data"])
    assert (unreadable["decoded"], unreadable["data"]) == (None, "////")
    assert unreadable["not_decoded"] == "the 3 bytes are no SystemRecord"


def test_rest_has_names_without_prefix_numbers_and_hashes_in_hex():
    probe = probe_pb2.ProbeExecution(
        probe_type=probe_pb2.PROBE_TYPE_FMA,
        result=9,  # type: ignore[arg-type]
        expected_hash=b"\x01\xff",
        execution_time_ns=123_456_789_012,
        timestamp=Timestamp(seconds=1_800_000_000, nanos=5),
    )
    told = rest_decoded(1, probe.SerializeToString())["decoded"]
    assert isinstance(told, dict)
    assert told["value"] == {
        "probe_type": "FMA",
        "result": "9",
        "expected_hash": "01ff",
        "execution_time_ns": 123_456_789_012,
        "timestamp": "2027-01-15T08:00:00.000000005Z",
    }


def test_rest_reads_lists_maps_and_messages_within_messages():
    count = records_pb2.ProbeCount(probe_type=probe_pb2.PROBE_TYPE_FMA, result=probe_pb2.PROBE_RESULT_PASS, count=77)
    record = records_pb2.SystemRecord(fields={"a": "1"}, probe_summary=records_pb2.ProbeSummary(counts=[count]))
    told = rest_decoded(6, record.SerializeToString())["decoded"]

    assert isinstance(told, dict)
    counts = [{"probe_type": "FMA", "result": "PASS", "count": 77}]
    assert told["value"] == {"fields": {"a": "1"}, "probe_summary": {"counts": counts}}
    assert rest_decoded(6, b"hello") == described(6, b"hello")


def _two(entries):
    refused = next(one for one in entries if "auth.refused" in json.dumps(one["decoded"]))
    return refused, next(one for one in entries if one["decoded"] is None)


def test_fields_of_a_newer_version_are_missing_and_that_is_told():
    entry = AuditEntry(entry_type=AuditEntryType.SYSTEM_EVENT, data=RECORD + LATER_FIELD)

    assert entry.fields["event"] == "auth.refused"
    assert "cannot account for" in entry.unread
    assert described(6, entry.data)["decoded"]["complete"] is False


@pytest.mark.parametrize(
    ("number", "units", "words"),
    [(0, "entries", "0 entries"), (1, "entries", "1 entry"), (1, "signed tree heads", "1 signed tree head"),
     (1, "times", "1 time"), (1234, "entries", "1,234 entries")],
)  # fmt: skip
def test_one_is_no_plural(number, units, words):
    assert counted(number, units) == words
