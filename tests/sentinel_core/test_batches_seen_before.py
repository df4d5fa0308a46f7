"""Batches that come twice, late, out of order, or after an agent started to count again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sentinel_core.gateway import AGENT, NOW_NS, Place, batch, execution, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.core.ingest import take_probes
from sentinel_gateway.core.judging import ProbeJudge
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.batches import BatchKey, clock_at
from sentinel_gateway.domain.probes import ProbeBatch, ProbeResult
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.domain.telemetry import TelemetryBatch, TelemetryReport, Thermal
from sentinel_gateway.storage.changes import Found
from sentinel_sdk.signing import Keys


async def passes(core: Core) -> int:
    return (await core.gpu_health(gpu().uuid)).probe_pass_count


async def test_a_batch_that_comes_again_counts_once_and_is_acknowledged_again(either: Place):
    async with either.running() as core:
        first = await core.report_probes(AGENT, batch(execution()))
        again = await core.report_probes(AGENT, batch(execution()))

        assert first == again
        assert await passes(core) == 1
        assert core.counters.duplicates == {"probe": 1}


async def test_two_that_are_sent_at_the_same_time_count_once(place: Place):
    async with place.running() as core:
        await asyncio.gather(*(core.report_probes(AGENT, batch(execution())) for _ in range(20)))

        assert await passes(core) == 1


async def test_one_that_came_while_the_first_was_being_stored_counts_once(place: Place):
    async with place.running() as core:
        first = asyncio.create_task(core.report_probes(AGENT, batch(execution())))
        await asyncio.sleep(0)
        while core.counters.waiting_requests:  # noqa: ASYNC110  until it is taken, which tells nobody
            await asyncio.sleep(0)
        await core.report_probes(AGENT, batch(execution()))
        await first

        assert await passes(core) == 1


async def test_a_batch_is_known_after_a_restart(either: Place):
    async with either.running() as core:
        await core.report_probes(AGENT, batch(execution()))
    async with either.running() as core:
        await core.report_probes(AGENT, batch(execution()))

        assert await passes(core) == 1


async def test_the_same_number_with_other_content_is_taken(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution(1), sequence=0))
        await core.report_probes(AGENT, batch(execution(2), sequence=0))

        assert await passes(core) == 2


async def test_the_same_content_of_another_host_is_taken(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution(), hostname="node-1"))
        await core.report_probes(AGENT, batch(execution(), hostname="node-2"))

        assert await passes(core) == 2


async def test_numbers_that_were_skipped_are_counted(place: Place):
    async with place.running() as core:
        for number in (0, 1, 5, 3):
            await core.report_probes(AGENT, batch(execution(number), sequence=number))

        assert await passes(core) == 4
        assert core.counters.missing == {"probe": 3}


async def test_the_largest_number_of_the_wire_is_kept(either: Place):
    for _ in range(2):
        async with either.running() as core:
            await core.report_probes(AGENT, batch(execution(), sequence=2**64 - 1))

            assert await passes(core) == 1


async def test_anomalies_that_come_again_count_once(place: Place):
    sent = AnomalyBatch("node-1", (AnomalyEvent("a", 5, gpu(), metadata={"b": "1", "a": "2"}),), 0, NOW_NS)
    swapped = replace(sent, events=(replace(sent.events[0], metadata={"a": "2", "b": "1"}),))
    async with place.running() as core:
        await core.report_anomalies(AGENT, sent)
        await core.report_anomalies(AGENT, swapped)

        assert (await core.gpu_health(gpu().uuid)).anomaly_count == 1


async def test_telemetry_counts_its_numbers_by_itself(place: Place):
    sent = TelemetryBatch("node-1", (TelemetryReport(gpu(), Thermal(61.0)),), 0, NOW_NS)
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution(), sequence=0))
        await core.report_telemetry(AGENT, sent)
        await core.report_telemetry(AGENT, sent)

        assert core.counters.batches == {"probe": 1, "telemetry": 1}
        assert core.counters.duplicates == {"telemetry": 1}


def some_batches(seed: int) -> list[ProbeBatch]:
    """Batches of two hosts that start to count again after four."""
    draw = random.Random(seed)  # noqa: S311  test data
    return [
        batch(
            *(
                execution(place * 100 + n, draw.choice(list(ProbeResult)), draw.randrange(4), gpu(draw.randrange(2)))
                for n in range(draw.randrange(1, 6))
            ),
            sequence=place % 8 // 2,
            hostname=f"node-{place % 2}",
        )
        for place in range(16)
    ]


def counted(sent: list[ProbeBatch]) -> object:
    """What is known of the GPUs after batches that were taken one by one."""
    memory, settings_, stored = Memory(), CoreSettings(), set[BatchKey]()
    for one in sent:
        judge = ProbeJudge(one, Keys().check("", one.executions), clock_at(NOW_NS, settings_.ingest), settings_)
        judge.judge(0, len(one.executions))
        round_ = Round(memory, settings_, NOW_NS, Found(batches=frozenset(stored)))
        take_probes(judge.judged, round_)
        stored.update(round_.changes().batches)
        round_.publish()
    return {
        uuid: (known.seen, known.sms.passes, known.sms.failures, known.minutes, known.summary, known.last_probe_ns)
        for uuid, known in memory.gpus.items()
    }


@given(seed=st.integers(0, 1000), order=st.randoms())
@settings(deadline=None)
def test_any_order_and_any_repetition_give_the_same_counts(seed: int, order: random.Random):
    sent = some_batches(seed)
    shuffled = sent + order.choices(sent, k=8)
    order.shuffle(shuffled)

    assert counted(shuffled) == counted(sent)


async def test_the_same_holds_for_batches_that_come_at_the_same_time(either: Place):
    sent = some_batches(7)
    async with either.running() as core:
        await asyncio.gather(*(core.report_probes(AGENT, one) for one in sent + sent[::-1]))
        known = dict(core._memory.gpus)
    expected = counted(sent)

    assert expected == {
        uuid: (one.seen, one.sms.passes, one.sms.failures, one.minutes, one.summary, one.last_probe_ns)
        for uuid, one in known.items()
    }
