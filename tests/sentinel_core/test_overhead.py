"""A host whose probes take more than the budget is asked for fewer of them, and a suspect still gets its closer look.

GPUs of four SMs: a sweep of FMA a minute takes 3.3 % of a GPU where an execution takes 0.5 s.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import pytest
from tests.sentinel_core.gateway import JANE, Place
from tests.sentinel_core.sweeps import AGENT, Sweeps, fleet

from sentinel.ext.v1.records_pb2 import SystemRecord
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.configuration import ConfigChange, OverheadBudget
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import Ack, ProbeResult, ProbeType
from sentinel_gateway.domain.settings import CoreSettings, IngestSettings
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.storage.database import Database

GPUS = fleet(1, gpus=4)
HOST = GPUS[0].hostname
BAD, DEAD = GPUS[3], 2
FMA, MEMORY = int(ProbeType.FMA), int(ProbeType.MEMORY)
LATE = {1: 120, 2: 120, 5: 4800, 7: 2400}
"""Periods in seconds: memory probes deferred as far as that goes, FMA and tensor cores at half their rate."""


@dataclass
class Slow:
    """An agent whose executions take `took_s`, and that probes once a minute whatever it is told."""

    place: Place
    took_s: float = 0.5
    acks: list[Ack] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sweeps = Sweeps(self.place, GPUS)

    async def minutes(self, core: Core, count: int, fails: Collection[tuple[Gpu, int]] = ()) -> list[Ack]:
        """So many sweeps of FMA, a minute apart; their answers."""
        acks = []
        for _ in range(count):
            (batch,) = self._sweeps.batches(fails, FMA, ProbeResult.FAIL)
            ran = tuple(replace(one, execution_time_ns=int(self.took_s * 1e9)) for one in batch.executions)
            acks.append(await core.report_probes(AGENT, replace(batch, executions=ran)))
            self.place.clock.sleep(60)
            await core.upkeep()
        return acks


@pytest.fixture
def slow(place: Place) -> Slow:
    return Slow(place)


def periods(ack: Ack) -> dict[int, int]:
    """Seconds by probe type."""
    return {one.probe_type: one.period_s for one in ack.schedule_overrides}


def told(place: Place) -> list[tuple[str, str]]:
    """What the ledger says was done about overhead: event and steps."""
    with Database.open(place.url, create=False) as database:
        messages = [SystemRecord.FromString(entry.data) for entry in LedgerReader(database).entries()
                    if entry.entry_type == 6]  # fmt: skip
    return [(one.event, one.fields["periods"]) for one in messages if one.event.startswith("probe.schedule")]


async def measured_pct(core: Core) -> float:
    """Of the GPU on which probes take most."""
    (load,) = await core.host_loads()
    return load.worst[1]


async def test_what_is_measured_is_the_time_of_executions_in_ten_minutes(place: Place, slow: Slow):
    async with place.running() as core:
        await slow.minutes(core, 3)

        assert await measured_pct(core) == pytest.approx(100 * 3 * 4 * 0.5 / 600)


async def test_where_an_execution_holds_its_sm_alone_it_is_divided_by_their_number(place: Place, slow: Slow):
    place.settings = CoreSettings(ingest=IngestSettings(whole_gpu=False))
    async with place.running() as core:
        await slow.minutes(core, 3)

        assert await measured_pct(core) == pytest.approx(100 * 3 * 0.5 / 600)


async def test_a_host_within_the_budget_is_asked_for_nothing(place: Place, slow: Slow):
    slow.took_s = 0.2
    async with place.running() as core:
        acks = await slow.minutes(core, 15)

    assert {ack.schedule_overrides for ack in acks} == {()}


async def test_above_it_the_documented_order_is_kept_and_the_ledger_tells_of_it(place: Place, slow: Slow):
    async with place.running() as core:
        acks = await slow.minutes(core, 7)

    assert [bool(ack.schedule_overrides) for ack in acks] == [False] * 6 + [True]
    assert periods(acks[-1]) == LATE
    assert {one.duration_s for one in acks[-1].schedule_overrides} == {600}
    steps = "FMA x2, TENSOR_CORE x2, MEMORY x8, SHARED_MEMORY x8"
    assert told(place) == [("probe.schedule_stretched", steps)]


async def test_it_is_renewed_while_the_cause_lasts_and_runs_out_when_that_is_gone(place: Place, slow: Slow):
    async with place.running() as core:
        await slow.minutes(core, 7)
        lasting = await slow.minutes(core, 10)
        slow.took_s = 0.001
        await slow.minutes(core, 40)
        after = await slow.minutes(core, 10)

    assert [minute for minute, ack in enumerate(lasting) if ack.schedule_overrides][0] <= 5
    assert {ack.schedule_overrides for ack in after} == {()}
    assert told(place)[-1] == ("probe.schedule_restored", "")


async def test_a_budget_that_is_pushed_counts_with_the_next_report(place: Place, slow: Slow):
    slow.took_s = 0.2
    async with place.running() as core:
        before = await slow.minutes(core, 10)
        await core.apply_config(JANE, ConfigChange(OverheadBudget(1.0)))
        place.clock.sleep(-59)
        after = await slow.minutes(core, 1)

    assert ({ack.schedule_overrides for ack in before}, periods(after[0])) == ({()}, LATE)


async def test_a_suspect_is_probed_more_often_whatever_that_costs(place: Place, slow: Slow):
    async with place.running() as core:
        stretched = (await slow.minutes(core, 7))[-1]
        await slow.minutes(core, 2, {(BAD, DEAD)})
        suspected = (await slow.minutes(core, 1))[-1]

    assert periods(stretched)[FMA] == 120
    assert periods(suspected)[FMA] == 30


async def test_the_closer_look_alone_is_no_reason_to_stretch_anything_after_it(place: Place, slow: Slow):
    slow.took_s = 0.2
    async with place.running() as core:
        await slow.minutes(core, 2, {(BAD, DEAD)})
        await slow.minutes(core, 1)
        slow.took_s = 0.4  # twice as many in a minute, as it was asked for
        during = await slow.minutes(core, 12)
        measured = await measured_pct(core)

    assert measured > 2
    assert {periods(ack).get(FMA) for ack in during if ack.schedule_overrides} == {30}
    assert told(place) == []


async def test_after_a_restart_it_is_measured_anew(place: Place, slow: Slow):
    async with place.running() as core:
        await slow.minutes(core, 7)
    async with place.running() as core:
        acks = await slow.minutes(core, 7)

    assert [bool(ack.schedule_overrides) for ack in acks] == [False] * 6 + [True]
