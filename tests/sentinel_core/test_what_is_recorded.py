"""What the ledger is told, and in which messages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import (
    AGENT,
    JANE,
    NOW_NS,
    OMAR,
    SECOND_NS,
    Place,
    asking,
    batch,
    execution,
    failures,
    gpu,
)

from sentinel.ext.v1.records_pb2 import ProbeSummary, SystemRecord
from sentinel.v1 import anomaly_pb2, audit_pb2, config_pb2, probe_pb2, trust_pb2
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.configuration import ConfigChange, SamplingRate
from sentinel_gateway.domain.errors import AlreadyThere, Invalid
from sentinel_gateway.domain.gpus import Unsummarised
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.probes import Mismatch, ProbeResult
from sentinel_gateway.domain.recorded import Recorded
from sentinel_gateway.domain.settings import CoreSettings, RecordedPasses
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.store import Store
from sentinel_sdk.ledger.entry import Entry, NewEntry
from sentinel_sdk.signing import Execution, Key, Keys, canonical, sign

PROBE, ANOMALY, ACTION, CONFIG, TMR, SYSTEM = range(1, 7)


def recorded(place: Place, kind: int = 0) -> Sequence[Entry]:
    """The ledger's entries of one type, or all, oldest first."""
    with Database.open(place.url, create=False) as database:
        return [entry for entry in LedgerReader(database).entries() if kind in (0, entry.entry_type)]


def executions(place: Place) -> list[Entry]:
    """The entries that hold a probe execution each, not a summary of many."""
    return [entry for entry in recorded(place, PROBE) if not entry.data.startswith(b"\n\rprobe.summary")]


def summaries(place: Place) -> list[ProbeSummary]:
    """What the ledger tells of probes that were summed up."""
    messages = [SystemRecord.FromString(entry.data) for entry in recorded(place, PROBE)]
    return [message.probe_summary for message in messages if message.event == "probe.summary"]


def events(place: Place, kind: int = SYSTEM) -> list[tuple[str, dict[str, str]]]:
    messages = [SystemRecord.FromString(entry.data) for entry in recorded(place, kind)]
    return [(message.event, dict(message.fields)) for message in messages]


async def test_every_execution_that_did_not_pass_as_it_was_sent(place: Place):
    key = Key(b"secret")
    place.keys = Keys(key)
    bad = replace(
        execution(1, ProbeResult.FAIL, 3), mismatch=Mismatch(4, b"a", b"c", (1,)), gpu_temperature_c=61.5, gpu_power_w=3
    )
    sent = [replace(one, hmac_signature=sign(one, key)) for one in (bad, execution(2), execution(3, ProbeResult.ERROR))]
    async with place.running() as core:
        await core.report_probes(AGENT, batch(*sent))

    messages = [probe_pb2.ProbeExecution.FromString(entry.data) for entry in executions(place)]
    assert [message.execution_id for message in messages] == ["run-1", "run-3"]
    assert canonical(Execution(messages[0])) == canonical(bad)
    assert key.tag(canonical(Execution(messages[0]))) == messages[0].hmac_signature
    entry = executions(place)[0]
    assert (entry.timestamp_ns, entry.gpu and entry.gpu.uuid) == (bad.time_ns, gpu().uuid)


async def test_passes_are_summed_up_every_hour(either: Place):
    async with either.running() as core:
        await core.report_probes(AGENT, batch(execution(1), execution(2), execution(3, ProbeResult.FAIL)))
        either.clock.sleep(3599)
        await core.upkeep()
        either.clock.sleep(1)
        await core.upkeep()
        await core.upkeep()

    (summary,) = summaries(either)
    assert (summary.start_time.ToNanoseconds(), summary.end_time.ToNanoseconds()) == (
        NOW_NS,
        NOW_NS + 3600 * SECOND_NS,
    )
    assert counted(summary) == [(1, 1, 2), (1, 2, 1)]


def counted(summary: ProbeSummary) -> list[tuple[int, int, int]]:
    """Probe type, result and how many of each."""
    return [(count.probe_type, count.result, count.count) for count in summary.counts]


async def test_the_open_hour_is_summed_up_at_the_end(either: Place):
    async with either.running() as core:
        await core.report_probes(AGENT, batch(execution(1), execution(2)))
        await core.report_probes(AGENT, batch(execution(3, on=gpu(1)), sequence=1))
        waiting = await core.unsummarised()
    async with either.running() as core:
        assert await core.unsummarised() == Unsummarised()

    assert waiting == Unsummarised(frozenset({gpu().uuid, gpu(1).uuid}), 3, NOW_NS)
    assert [counted(summary) for summary in summaries(either)] == [[(1, 1, 2)], [(1, 1, 1)]]


async def test_an_hour_that_a_crash_cut_is_summed_up_whole(either: Place):
    async with either.loaded() as core:
        running = asyncio.create_task(core.run())
        await core.report_probes(AGENT, batch(execution(1), execution(2)))
        running.cancel()
        await asyncio.wait([running])
    with Database.open(either.url, create=False) as database:
        assert Store(database).unsummarised() == Unsummarised(frozenset({gpu().uuid}), 2, NOW_NS)
    async with either.running() as core:
        await core.report_probes(AGENT, batch(execution(3), sequence=1))

    assert [counted(summary) for summary in summaries(either)] == [[(1, 1, 3)]]


async def test_where_no_summaries_are_wanted_none_is_awaited(place: Place):
    place.settings = CoreSettings(record_passes=RecordedPasses.NONE)
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution()))
        assert await core.unsummarised() == Unsummarised()

    assert summaries(place) == []


@pytest.mark.parametrize(("passes", "expected"), [(RecordedPasses.FULL, 2), (RecordedPasses.NONE, 0)])
async def test_passes_can_be_recorded_all_or_not_at_all(place: Place, passes: RecordedPasses, expected: int):
    place.settings = CoreSettings(record_passes=passes)
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution(1), execution(2)))

    assert len(executions(place)) == expected


async def test_anomalies_as_they_were_sent(place: Place):
    event = AnomalyEvent("a-1", 5, gpu(), 2, 3, 7.5, 3.5, "loss", b"f", NOW_NS, {"rank": "3"}, "layer", "model", 17)
    async with place.running() as core:
        ack = await core.report_anomalies(AGENT, AnomalyBatch("node-1", (event, replace(event, anomaly_type=77)), 0))
        health = await core.gpu_health(gpu().uuid)

    (entry,) = recorded(place, ANOMALY)
    message = anomaly_pb2.AnomalyEvent.FromString(entry.data)
    assert (message.event_id, message.gpu.uuid, dict(message.metadata)) == ("a-1", gpu().uuid, {"rank": "3"})
    assert (message.step_number, message.score, message.timestamp.ToNanoseconds()) == (17, 7.5, NOW_NS)
    assert ack.reason == "1 of 2 anomalies refused: 1 of a type that is not known (77)"
    assert (health.anomaly_count, health.anomaly_rate, health.beta) == (1, 1.0, 1.3)


async def test_every_step_in_the_life_of_a_directive(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution()))
        await core.issue(JANE, asking(Action.QUARANTINE, "d-1"))
        await core.issue(JANE, asking(Action.CONDEMN, "d-2"))
        await core.decide(OMAR, "d-2", approve=False)
        await core.issue(JANE, asking(Action.CONDEMN, "d-3"))
        place.clock.sleep(86_400)
        await core.upkeep()

    told = [SystemRecord.FromString(entry.data) for entry in recorded(place, ACTION)]
    steps = [(message.event, message.state_change.directive.directive_id) for message in told]
    assert steps == [
        ("directive.executed", "d-1"),
        ("directive.waiting", "d-2"),
        ("directive.denied", "d-2"),
        ("directive.waiting", "d-3"),
        ("directive.expired", "d-3"),
    ]
    assert (told[0].state_change.from_state, told[0].state_change.to_state) == (1, 3)
    assert (told[1].state_change.from_state, told[1].state_change.to_state) == (3, 3)
    assert told[2].state_change.directive.approval.reviewer == "omar"
    assert told[0].fields["issued_by"] == "jane"


async def test_a_gpu_the_gateway_suspects_and_why(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(*failures(2, 4)))

    (entry,) = recorded(place, ACTION)
    message = SystemRecord.FromString(entry.data)
    assert message.event == "gpu.suspected"
    assert message.state_change.initiated_by == "sentinel-gateway"
    assert not message.state_change.HasField("directive")
    assert "SM 4" in message.state_change.reason


async def test_configuration_and_tmr(place: Place):
    results = tuple(TmrGpuResult(gpu(number), b"x" if number else b"y") for number in range(3))
    async with place.running() as core:
        await core.apply_config(JANE, ConfigChange(SamplingRate("telemetry", 0.5), "u-1"))
        await core.report_tmr(AGENT, TmrReport("c-1", results))

    (config,), (tmr,) = recorded(place, CONFIG), recorded(place, TMR)
    assert config_pb2.ConfigUpdate.FromString(config.data).sampling_rate.rate == 0.5
    told = trust_pb2.TmrResult.FromString(tmr.data)
    assert (told.dissenting_gpu.uuid, told.consensus_hash, told.unanimous) == (gpu(0).uuid, b"x", False)


async def test_start_and_stop(place: Place):
    async with place.running():
        pass

    assert [event for event, _ in events(place)] == ["gateway.started", "gateway.stopped"]


async def test_refusals_at_once_and_then_once_a_minute_with_their_count(place: Place):
    async with place.running() as core:
        for number in range(5):
            await core.report_probes(AGENT, batch(replace(execution(), result=9), sequence=number))
        core.note("auth.refused", who="10.0.0.1", why="no token")
        core.note("auth.refused", who="10.0.0.1", why="no token")
        await core.upkeep()
        place.clock.sleep(60)
        await core.upkeep()

    told = [fields for event, fields in events(place) if event == "ingest.refused"]
    assert [fields["count"] for fields in told] == ["1", "4"]
    assert (told[0]["hostname"], told[0]["reason"], told[0]["caller"]) == ("node-1", "unknown_result", "node-1")
    assert sum(int(fields["count"]) for event, fields in events(place) if event == "auth.refused") == 2


async def test_what_was_noted_last_is_recorded_before_the_end(place: Place):
    async with place.running() as core:
        for _ in range(3):
            core.note("auth.refused", who="x")
            await core.upkeep()

    assert sum(int(fields["count"]) for event, fields in events(place) if event == "auth.refused") == 3


async def test_a_thousand_kinds_of_refusals_are_told_apart_and_no_more(place: Place):
    async with place.running() as core:
        for number in range(1500):
            core.note("auth.refused", who=str(number))
        await core.upkeep()

    told = [fields for event, fields in events(place) if event == "auth.refused"]
    assert sum(int(fields["count"]) for fields in told) == 1500
    assert len(told) == 1001


ENTRIES = [NewEntry(SYSTEM, NOW_NS + n, SystemRecord(event=f"mine.{n}").SerializeToString()) for n in range(3)]


async def test_entries_of_others_stand_together(either: Place):
    async with either.running() as core:
        done = await core.record(JANE, ENTRIES)

    kept = {entry.entry_id: entry.data for entry in recorded(either)}
    assert done.count == 3
    assert [kept[number] for number in range(done.first_entry_id, done.last_entry_id + 1)] == [
        entry.data for entry in ENTRIES
    ]


async def test_a_key_that_was_used_records_nothing_again(either: Place):
    async with either.running() as core:
        first = await core.record(JANE, ENTRIES, "key")
    async with either.running() as core:
        assert await core.record(JANE, ENTRIES, "key") == first
        assert await core.record(OMAR, ENTRIES, "key") != first
        with pytest.raises(AlreadyThere):
            await core.record(JANE, ENTRIES[:1], "key")

    assert sum(event == "mine.0" for event, _ in events(either)) == 2


async def test_entries_nobody_can_store_touch_nobody_else(place: Place):
    async def bad(core: Core, entries: list[NewEntry]) -> None:
        with pytest.raises(Invalid):
            await core.record(JANE, entries)

    async with place.running() as core:
        await bad(core, [])
        await bad(core, [NewEntry(7, NOW_NS, b"")])
        await bad(core, [NewEntry(SYSTEM, 1 << 63, b"")])
        assert isinstance(await core.record(JANE, ENTRIES), Recorded)


def test_numbers_of_types_are_those_of_the_wire():
    assert audit_pb2.AuditEntryType.values()[1:] == [PROBE, ANOMALY, ACTION, CONFIG, TMR, SYSTEM]
