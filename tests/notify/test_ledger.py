"""What the audit ledger is told of an assessment, and that it is told once, over real gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from tests.sentinel_source.gateway_double import GatewayDouble, running

from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.domain.assessment import CausalStep, Citation, Claim
from gcm_sentinel.domain.entity import Entity, gpu
from gcm_sentinel.domain.errors import Forbidden, Unreachable
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult, digest
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.notify.ledger import LedgerNotifier, note_of
from gcm_sentinel.notify.retry import RetryPolicy
from sentinel.ext.v1.records_pb2 import SystemRecord

UUID = "GPU-0000aaaa-1111-2222-3333-444455556666"
QUICK = RetryPolicy(timedelta(seconds=2), timedelta(seconds=1), timedelta(milliseconds=1), timedelta(milliseconds=5))
CLAIMS = (Claim("Xid 79 was first", (Citation("E2", "79"),)), Claim("and again", (Citation("E10", "x"),)))


def evidence(name: str, publication: Publication) -> Evidence:
    """A stored result that shows the culprit's UUID."""
    shown = gpu("gpu-r03-n05", index=1, uuid=UUID)
    result = ToolResult(ResultStatus.OK, "q", {}, f"raw of {name}", entities=(shown,))
    mark = digest("kernel_log", "read_kernel_log", {}, result)
    return Evidence(name, "kernel_log", "read_kernel_log", {}, result, publication.assessment.created_at, mark)


@pytest.fixture
def cited(publish_with: Callable[..., Publication]) -> Publication:
    """Claims on E2 and E10, a causal step on E3, and E1 that nobody cites."""
    bare = publish_with(claims=CLAIMS, causal_chain=(CausalStep("first", ("E3",)),))
    return replace(bare, evidence=tuple(evidence(name, bare) for name in ("E1", "E2", "E3")))


@pytest.fixture
async def double() -> AsyncIterator[GatewayDouble]:
    async with running(GatewayDouble()) as served:
        yield served


@pytest.fixture
async def sink(double: GatewayDouble) -> AsyncIterator[LedgerNotifier]:
    gateway = SentinelGateway(Access(double.endpoint, plaintext=True))
    yield LedgerNotifier(gateway.ledger, policy=QUICK)
    await gateway.aclose()


def recorded(double: GatewayDouble) -> SystemRecord:
    """What the newest entry holds."""
    return SystemRecord.FromString(double.ledger.entries[-1].data)


async def test_the_entry_says_what_was_concluded_by_whom_and_about_what(sink, double, cited):
    await sink.publish(cited)

    record = recorded(double)
    told = record.assessment
    assert (record.event, double.ledger.entries[-1].entry_type) == ("assessment.published", 6)
    assert (told.incident_id, told.investigation_id) == ("inc-79", "inc-79.1")
    assert (told.severity, told.fault_class, round(told.confidence, 2)) == ("critical", "gpu_off_bus", 0.92)
    assert list(told.nodes) == ["gpu-r03-n05"]
    assert list(told.recommended_actions)[-1] == "drain gpu-r03-n05"
    assert (told.engine, told.concluded_at.ToJsonString()) == ("playbook", "2026-11-20T03:12:44Z")


async def test_every_cited_piece_of_evidence_is_named_with_its_digest(sink, double, cited):
    await sink.publish(cited)

    by_id = {item.id: item for item in cited.evidence}
    told = [(mark.evidence_id, mark.source, mark.sha256.hex()) for mark in recorded(double).assessment.evidence]
    assert told == [
        ("E2", "kernel_log", by_id["E2"].digest),
        ("E3", "kernel_log", by_id["E3"].digest),
        ("E10", "", ""),
    ]


async def test_a_culprit_named_by_its_index_is_recorded_by_its_uuid(sink, double, cited):
    await sink.publish(cited)

    entry = double.ledger.entries[-1]
    assert list(recorded(double).assessment.gpu_uuids) == [UUID]
    assert (entry.gpu.uuid, entry.timestamp.seconds) == (UUID, int(cited.assessment.created_at.timestamp()))


async def test_the_entry_names_its_gpu_at_the_place_where_evidence_showed_it(sink, double, cited):
    await sink.publish(cited)

    named = double.asked[-1][1].entries[0].gpu
    assert (named.hostname, named.device_index) == ("gpu-r03-n05", 1)


async def test_without_an_index_in_evidence_the_entry_names_no_gpu_instead_of_the_first(sink, double, cited):
    unplaced = replace(cited, evidence=tuple(_showing(item, gpu("gpu-r03-n05", uuid=UUID)) for item in cited.evidence))
    lead = replace(cited.incident.lead, gpu_uuid=UUID)
    await sink.publish(replace(unplaced, incident=replace(cited.incident, triggers=(lead,))))

    assert not double.asked[-1][1].entries[0].HasField("gpu")
    assert UUID in recorded(double).assessment.gpu_uuids


def test_evidence_that_contradicts_itself_about_the_index_names_none(cited):
    first, second, *rest = cited.evidence
    moved = _showing(second, gpu("gpu-r03-n05", index=2, uuid=UUID))

    assert note_of(cited).gpu is not None
    assert note_of(replace(cited, evidence=(first, moved, *rest))).gpu is None


def _showing(item: Evidence, *entities: Entity) -> Evidence:
    return replace(item, result=replace(item.result, entities=entities))


async def test_delivered_twice_it_stands_there_once(sink, double, cited):
    await sink.publish(cited)
    await sink.publish(cited)

    assert [metadata["sentinel-idempotency-key"] for metadata in double.metadata] == ["inc-79.1"] * 2
    assert double.asked[0][1] == double.asked[1][1]
    assert len(double.ledger.entries) == 1


async def test_the_next_investigation_of_the_incident_is_another_entry(sink, double, cited):
    await sink.publish(cited)
    await sink.publish(replace(cited, incident=replace(cited.incident, revision=2)))

    assert len(double.ledger.entries) == 2


async def test_a_gateway_that_is_away_is_worth_another_try(cited):
    gateway = SentinelGateway(Access("127.0.0.1:1", plaintext=True, timeout=timedelta(milliseconds=200)))
    sink = LedgerNotifier(gateway.ledger, policy=replace(QUICK, deadline=timedelta(milliseconds=20)))

    with pytest.raises(Unreachable):
        await sink.publish(cited)

    await gateway.aclose()


async def test_a_refusal_is_not_tried_again(sink, double, cited):
    double.fail["IngestEvents"] = (grpc.StatusCode.PERMISSION_DENIED, "the role operator would allow it")

    with pytest.raises(Forbidden, match="operator"):
        await sink.publish(cited)

    assert len(double.asked) == 1


def test_the_same_publication_makes_the_same_note(cited):
    assert note_of(cited) == note_of(replace(cited))


def test_a_models_words_are_one_line_and_bounded(publish_with):
    note = note_of(publish_with(summary="a\n\ud83d b " * 5000))

    assert ("\n" in note.summary, "\ud83d" in note.summary, len(note.summary) <= 2000) == (False, False, True)


def test_a_storm_names_no_more_than_a_thousand_nodes_the_first_of_them_the_leads(publish_with):
    note = note_of(publish_with(nodes=1500))

    assert (len(note.nodes), note.nodes[0]) == (1000, "gpu-r03-n05")
