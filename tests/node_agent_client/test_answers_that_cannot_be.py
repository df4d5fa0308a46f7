"""What an agent sends that cannot be evidence is refused, not guessed at."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from gcm_sentinel.clients import node_agent_convert as convert
from gcm_sentinel.clients import node_agent_evidence
from gcm_sentinel.clients import node_agent_probes as probes
from gcm_sentinel.clients.node_agent_evidence import Assembly
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.node_agent import DiagnosisStatus, ProbePermission
from sentinel.node.v1 import node_pb2


def chunk(name: str, content: bytes) -> node_pb2.EvidenceEvent:
    return node_pb2.EvidenceEvent(chunk=node_pb2.EvidenceChunk(name=name, content=content))


def part(name: str, content: bytes) -> node_pb2.EvidenceEvent:
    return node_pb2.EvidenceEvent(part=node_pb2.EvidencePart(name=name, sha256=hashlib.sha256(content).digest()))


def manifest(*names: str) -> node_pb2.EvidenceEvent:
    parts = [node_pb2.EvidencePart(name=name) for name in names]
    return node_pb2.EvidenceEvent(manifest=node_pb2.EvidenceManifest(node_name="node-1", parts=parts))


def assembled(*events: node_pb2.EvidenceEvent):
    assembly = Assembly()
    return [assembly.add(event) for event in events][-1]


class TestEvidence:
    """Parts, digests and the manifest."""

    def test_chunks_make_a_part(self):
        captured = assembled(chunk("a", b"x"), chunk("a", b"y"), part("a", b"xy"), part("b", b""), manifest("a", "b"))

        assert [(one.name, one.content) for one in captured.parts] == [("a", b"xy"), ("b", b"")]

    @pytest.mark.parametrize(
        "events",
        [
            (chunk("a", b"x"), part("a", b"y")),
            (chunk("a", b"x"), part("b", b"x")),
            (chunk("a", b"x"), chunk("b", b"y")),
            (part("a", b""), manifest("a", "b")),
            (part("a", b""), manifest()),
            (chunk("a", b"x"), manifest()),
        ],
        ids=["digest", "name", "interleaved", "part-missing", "part-unknown", "not-ended"],
    )
    def test_what_does_not_fit_together_is_refused(self, events):
        with pytest.raises(BadResponse):
            assembled(*events)

    def test_more_than_an_agent_may_send_is_refused(self, monkeypatch):
        monkeypatch.setattr(node_agent_evidence, "MOST_BYTES", 3)

        with pytest.raises(BadResponse, match="more than 3 bytes"):
            assembled(chunk("a", b"xy"), chunk("a", b"zz"))


class TestProbes:
    """Reports and findings."""

    def report(self, passed: int = 0, not_run: int = 0) -> node_pb2.ProbeEvent:
        plan = node_pb2.ProbeRequest(kind=node_pb2.PROBE_KIND_FMA)
        outcome = node_pb2.PROBE_OUTCOME_PASS
        return node_pb2.ProbeEvent(
            report=node_pb2.ProbeReport(plan=plan, outcome=outcome, passed=passed, not_run=not_run)
        )

    def test_a_report_of_findings_that_never_came_is_refused(self):
        with pytest.raises(BadResponse, match="reports 2 findings and sent 0"):
            probes.run(self.report(passed=1, not_run=1), ())

    def test_an_outcome_that_we_do_not_know_is_neither_a_pass_nor_a_failure(self):
        with pytest.raises(BadResponse, match="outcome"):
            probes.finding(node_pb2.ProbeFinding())

    def test_a_kind_that_we_do_not_know_is_refused(self):
        event = self.report()
        event.report.plan.kind = node_pb2.PROBE_KIND_UNSPECIFIED

        with pytest.raises(BadResponse, match="kind"):
            probes.run(event, ())


class TestValues:
    """Times and words."""

    def test_a_time_keeps_its_microseconds(self):
        told = convert.moment(Timestamp(seconds=1_800_000_000, nanos=123_456_789))

        assert told == datetime(2027, 1, 15, 8, 0, 0, 123_456, tzinfo=UTC)
        assert convert.moment(convert.stamp(told)) == told

    def test_a_time_that_is_none_is_refused(self):
        with pytest.raises(BadResponse):
            convert.moment(Timestamp(seconds=2**62))

    def test_a_word_that_a_newer_agent_says_is_unknown(self):
        assert convert.diagnosis(node_pb2.Diagnosis()).status is DiagnosisStatus.UNKNOWN
        assert convert.description(node_pb2.NodeDescription()).permission is ProbePermission.UNKNOWN

    def test_a_part_that_does_not_say_what_it_lacks_is_missing_all_the_same(self):
        told = convert.description(node_pb2.NodeDescription(parts=[node_pb2.NodePart(name="probes")]))

        assert told.parts[0].missing
