"""How much of anything a reporter can make the gateway keep."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import AGENT, NOW_NS, Place, batch, execution, gpu
from tests.sentinel_core.test_what_is_recorded import events, executions

from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.configuration import ComponentAck
from sentinel_gateway.domain.errors import Busy, Denied, Invalid
from sentinel_gateway.domain.probes import Mismatch, ProbeResult
from sentinel_gateway.domain.settings import CoreSettings, IngestSettings
from sentinel_gateway.domain.telemetry import NvLink, TelemetryBatch, TelemetryReport
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrOutcome, TmrReport

FAIL = ProbeResult.FAIL


@pytest.fixture
def small(place: Place) -> Place:
    """A gateway for two GPUs, one host and one pair."""
    place.settings = CoreSettings(ingest=IngestSettings(max_gpus=2, max_hosts=1, max_pairs=1, max_event_bytes=1000))
    return place


async def test_gpus_beyond_the_bound_are_refused_and_the_others_taken(small: Place):
    async with small.running() as core:
        sent = batch(*(execution(n, FAIL, on=gpu(n)) for n in range(4)))
        ack = await core.report_probes(AGENT, sent)

        assert ack.accepted
        assert ack.reason == "2 of 4 executions refused: 2 of a GPU beyond the 2 that this gateway was told to take"
        assert set(core._memory.gpus) == {gpu(0).uuid, gpu(1).uuid}
        assert core.counters.refused == {("probe", "no_room"): 2}
    assert len(executions(small)) == 2
    refused = [fields for event, fields in events(small) if event == "ingest.refused"]
    assert refused == [{"kind": "probe", "hostname": "node-1", "reason": "no_room", "caller": AGENT.name, "count": "2"}]


async def test_a_batch_of_nothing_but_gpus_beyond_the_bound_is_not_accepted(small: Place):
    async with small.running() as core:
        await core.report_probes(AGENT, batch(execution(0), execution(1, on=gpu(1))))
        for _ in range(2):
            ack = await core.report_probes(AGENT, batch(execution(2, on=gpu(2)), sequence=1))
            assert not ack.accepted
        event = AnomalyEvent("a", 5, gpu(2))
        assert not (await core.report_anomalies(AGENT, AnomalyBatch("node-1", (event,), 0, NOW_NS))).accepted
        report = TelemetryReport(gpu(2))
        assert not (await core.report_telemetry(AGENT, TelemetryBatch("node-1", (report,), 0, NOW_NS))).accepted


async def test_known_gpus_are_taken_after_a_restart(small: Place):
    for sequence in range(2):
        async with small.running() as core:
            sent = batch(execution(sequence), execution(sequence, on=gpu(1)), sequence=sequence)
            assert (await core.report_probes(AGENT, sent)).reason == ""


async def test_hosts_beyond_the_bound_are_refused(small: Place):
    async with small.running() as core:
        for number in range(5):
            ack = await core.report_probes(AGENT, batch(execution(number), hostname=f"node-{number}"))

        assert (ack.accepted, ack.reason[:46]) == (False, "1 of 1 executions refused: 1 of a host beyond ")
        assert len(core._memory.sources) == 3
        assert (await core.gpu_health(gpu().uuid)).probe_pass_count == 3


@pytest.mark.parametrize("sm_id", [1024, 2**32 - 1])
async def test_an_sm_that_no_gpu_has_costs_no_memory(place: Place, sm_id: int):
    async with place.running() as core:
        ack = await core.report_probes(AGENT, batch(execution(0, sm_id=sm_id), execution(1)))

        assert f"on an SM that no GPU has ({sm_id}; at most 1023)" in ack.reason
        assert len(core._memory.gpus[gpu().uuid].sms) == 1


async def test_large_evidence_is_refused_and_the_rest_of_its_batch_taken(small: Place):
    large = replace(execution(1, FAIL), mismatch=Mismatch(0, b"x" * 500, b"y" * 500, (1,)))
    async with small.running() as core:
        ack = await core.report_probes(AGENT, batch(large, execution(2)))

        assert (ack.accepted, ack.reason) == (True, "1 of 2 executions refused: 1 with more than 1000 bytes")
    assert executions(small) == []


async def test_large_anomalies_and_reports_are_refused(small: Place):
    event = AnomalyEvent("a", 5, gpu(), metadata={str(number): "x" * 10 for number in range(100)})
    report = TelemetryReport(gpu(), nvlinks=tuple(NvLink(number) for number in range(100)))
    async with small.running() as core:
        anomalies = await core.report_anomalies(AGENT, AnomalyBatch("node-1", (event,), 0, NOW_NS))
        telemetry = await core.report_telemetry(AGENT, TelemetryBatch("node-1", (report,), 0, NOW_NS))

        assert "more than 1000 bytes" in anomalies.reason
        assert not telemetry.accepted


def canary(name: str, *prints: bytes) -> TmrReport:
    return TmrReport(name, tuple(TmrGpuResult(gpu(number), one) for number, one in enumerate(prints)), NOW_NS)


async def test_canaries_make_no_gpus_known_beyond_the_bound(small: Place):
    async with small.running() as core:
        with pytest.raises(Busy, match="2 GPUs"):
            await core.report_tmr(AGENT, canary("c", b"a", b"a", b"b"))
        with pytest.raises(Invalid, match="at most 1000"):
            await core.report_tmr(AGENT, canary("d", b"a" * 1001))
        assert core._memory.gpus == {}


async def test_a_vote_counts_where_its_pairs_find_no_room(small: Place):
    small.settings = replace(small.settings, ingest=replace(small.settings.ingest, max_gpus=3))
    async with small.running() as core:
        for number in range(2):
            verdict = await core.report_tmr(AGENT, canary(f"c-{number}", b"a", b"a", b"b"))
            assert verdict.outcome is TmrOutcome.DISSENT

        (edge,) = (await core.trust_graph()).edges
        assert edge.agreement_count == 2


async def test_components_beyond_the_bound_are_refused(small: Place):
    async with small.running() as core:
        for _ in range(2):
            await core.config_acked(AGENT, ComponentAck("node-1"))
        with pytest.raises(Busy, match="1 components"):
            await core.config_acked(AGENT, ComponentAck("node-2"))


async def test_where_it_is_asked_for_a_caller_reports_for_its_own_host_only(place: Place):
    place.settings = CoreSettings(ingest=IngestSettings(own_hostname=True))
    async with place.running() as core:
        assert (await core.report_probes(AGENT, batch(execution(), hostname=AGENT.name))).accepted
        with pytest.raises(Denied, match="not for 'node-2'"):
            await core.report_probes(AGENT, batch(execution(), hostname="node-2"))
        with pytest.raises(Denied):
            await core.report_anomalies(AGENT, AnomalyBatch("node-2", (AnomalyEvent("a", 5, gpu()),), 0))
        with pytest.raises(Denied):
            await core.report_telemetry(AGENT, TelemetryBatch("node-2", (TelemetryReport(gpu()),), 0))
