"""What an agent sends that cannot be evidence is refused, not guessed at."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.node_service.doubles import GPU

from gcm_sentinel.clients import node_agent, node_agent_evidence
from gcm_sentinel.clients import node_agent_convert as convert
from gcm_sentinel.clients import node_agent_probes as probes
from gcm_sentinel.clients.node_agent_bounds import Bound
from gcm_sentinel.clients.node_agent_evidence import Assembly
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.node_agent import DiagnosisStatus, KernelQuestion, ProbePermission
from gcm_sentinel.domain.node_probes import ProbeKind, ProbeOrder, ProbeOutcome
from sentinel.node.v1 import node_pb2

ORDER = ProbeOrder(ProbeKind.FMA, "GPU-1", is_deep=True)
DEEP = node_pb2.PROBE_DEPTH_DEEP


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

    def test_of_the_log_its_end_is_held_and_of_all_else_the_beginning(self, monkeypatch):
        monkeypatch.setattr(node_agent_evidence, "MOST_LOG_BYTES", 4)
        monkeypatch.setattr(node_agent_evidence, "MOST_PART_BYTES", 3)
        log = "kernel_log.jsonl"
        events = [chunk(log, b"abcde"), chunk(log, b"fg"), part(log, b"abcdefg")]

        captured = assembled(*events, chunk("a", b"xy"), chunk("a", b"zz"), part("a", b"xyzz"), manifest(log, "a"))

        assert [(one.content, one.sent_bytes) for one in captured.parts] == [(b"defg", 7), (b"xyz", 4)]
        assert captured.parts[0].sha256 == hashlib.sha256(b"abcdefg").hexdigest()

    def test_many_parts_are_held_within_the_room_for_all(self, monkeypatch):
        monkeypatch.setattr(node_agent_evidence, "MOST_KEPT_BYTES", 3)

        captured = assembled(
            chunk("a", b"xy"), part("a", b"xy"), chunk("b", b"xy"), part("b", b"xy"), manifest("a", "b")
        )

        assert [one.content for one in captured.parts] == [b"xy", b"x"]

    def test_what_is_not_kept_is_not_held_while_it_comes(self):
        assembly, megabyte = Assembly(), b"x" * (1 << 20)

        tracemalloc.start()
        for _ in range(30):
            assembly.add(chunk("kernel_log.jsonl", megabyte))
        held_bytes, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert (held_bytes < 4 << 20, peak_bytes < 12 << 20) == (True, True)


class TestProbes:
    """Reports and findings."""

    def event(self, outcome: str = "PASS", **counts: Any) -> node_pb2.ProbeEvent:
        plan = node_pb2.ProbeRequest(kind=node_pb2.PROBE_KIND_FMA, gpu_uuid=ORDER.gpu_uuid, depth=DEEP)
        told = node_pb2.ProbeOutcome.Value(f"PROBE_OUTCOME_{outcome}")
        report = node_pb2.ProbeReport(plan=plan, outcome=told, **counts)
        return node_pb2.ProbeEvent(gpu=node_pb2.GpuIdentity(uuid=ORDER.gpu_uuid), report=report)

    def findings(self, *outcomes: str):
        numbers = [node_pb2.ProbeOutcome.Value(f"PROBE_OUTCOME_{name}") for name in outcomes]
        return [probes.finding(node_pb2.ProbeFinding(outcome=one, sm_id=0)) for one in numbers]

    def test_a_report_of_findings_that_never_came_is_refused(self):
        with pytest.raises(BadResponse, match="reports 2 findings and sent 0"):
            probes.run(self.event(passed=1, not_run=1), (), ORDER)

    @pytest.mark.parametrize(
        ("outcome", "counts", "sent"),
        [
            ("PASS", {}, ()),
            ("PASS", {"passed": 1}, ("FAIL",)),
            ("PASS", {"failed": 1}, ("FAIL",)),
            ("PASS", {"passed": 1, "not_run": 1}, ("PASS", "NOT_RUN")),
            ("FAIL", {"passed": 1}, ("PASS",)),
        ],
        ids=["nothing-found", "a-failure-counted-as-pass", "a-failure-passed", "not-all-ran", "no-failure"],
    )
    def test_a_report_that_its_findings_do_not_come_to_is_refused(self, outcome, counts, sent):
        with pytest.raises(BadResponse, match="reports"):
            probes.run(self.event(outcome, **counts), self.findings(*sent), ORDER)

    def test_a_run_without_findings_tested_nothing(self):
        assert probes.run(self.event("NOT_RUN"), (), ORDER).outcome is ProbeOutcome.NOT_RUN

    @pytest.mark.parametrize(
        "ordered",
        [
            {"gpu_uuid": "GPU-2"},
            {"kind": ProbeKind.AES},
            {"is_deep": False},
            {"variant": "bf16"},
            {"sms": (3,)},
            {"seed": 7},
        ],
        ids=lambda ordered: next(iter(ordered)),
    )
    def test_a_run_of_something_else_than_was_ordered_is_refused(self, ordered):
        with pytest.raises(BadResponse, match="order|not 'GPU-2'"):
            probes.run(self.event(passed=1), self.findings("PASS"), replace(ORDER, **ordered))

    def test_an_outcome_that_we_do_not_know_is_neither_a_pass_nor_a_failure(self):
        with pytest.raises(BadResponse, match="outcome"):
            probes.finding(node_pb2.ProbeFinding())

    def test_a_kind_that_we_do_not_know_is_refused(self):
        event = self.event("NOT_RUN")
        event.report.plan.kind = node_pb2.PROBE_KIND_UNSPECIFIED

        with pytest.raises(BadResponse, match="kind"):
            probes.run(event, (), ORDER)


class TestBounds:
    """A stream that does not end."""

    def test_more_or_larger_things_than_an_agent_sends_are_refused(self):
        for count, size_bytes in ((3, 1), (1, 11)):
            bound = Bound("findings", most=2, most_bytes=10)
            with pytest.raises(BadResponse, match="more findings than any agent"):
                bound.take(count, size_bytes)

    def test_parts_without_content_do_not_go_on_for_ever(self):
        empty = part("a", b"")
        with pytest.raises(BadResponse, match="more parts of evidence"):
            assembled(*[empty] * 1001)

    async def test_a_log_longer_than_any_answer_is_refused(self, agents, given, monkeypatch):
        monkeypatch.setattr(node_agent, "MOST_LINES", 1)

        with pytest.raises(BadResponse, match="more lines"):
            await agents.kernel_log("node-1", KernelQuestion())

    def test_an_answer_larger_than_there_is_room_for_is_refused(self):
        with pytest.raises(BadResponse, match="more lines"):
            Bound("lines", most=20_000).take(1, (16 << 20) + 1)

    async def test_a_run_with_more_findings_than_any_gpu_is_refused(self, agents, monkeypatch):
        monkeypatch.setattr(node_agent, "MOST_FINDINGS", 1)

        with pytest.raises(BadResponse, match="more findings"):
            await agents.run_probe("node-1", ProbeOrder(ProbeKind.FMA, GPU.uuid))


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
