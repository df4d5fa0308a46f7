"""Failures that many GPUs share are nobody's own: never a mass quarantine."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest
from tests.sentinel_core.gateway import OMAR, Place
from tests.sentinel_core.sweeps import AGENT, Sweeps, directives, fleet, path, state
from tests.sentinel_core.test_what_is_recorded import recorded
from tests.sentinel_core.test_who_may_blame import agent_of

from sentinel.ext.v1.records_pb2 import SystemRecord
from sentinel.v1 import audit_pb2
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.happened import GuardChange
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.history import Correlation
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.model_settings import ModelSettings
from sentinel_gateway.domain.probes import ProbeResult, ProbeType
from sentinel_gateway.domain.settings import CoreSettings, IngestSettings

pytestmark = pytest.mark.slow

OLD, NEW = fleet(20, 2, "NVIDIA A100"), fleet(20, 2, "NVIDIA H100")
ALL_NEW = {(gpu, sm) for gpu in NEW for sm in range(4)}
What = TypeVar("What", Correlation, GuardChange)
SYSTEM = int(audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT)


async def happened(core: Core, kind: type[What]) -> list[What]:
    """What followers were told of one kind, so far."""
    position = (await anext(core.follow_events(from_now=True))).position
    told: list[What] = []
    if position:
        async for one in core.follow_events():
            told += [one.what] if isinstance(one.what, kind) else []
            if one.position == position:
                break
    return told


async def test_a_wrong_golden_answer_quarantines_nothing_and_is_told_once(either: Place):
    sweeps = Sweeps(either, [*OLD, *NEW])
    async with either.running() as core:
        await sweeps.sweep(core)
        for _ in range(4):
            await sweeps.sweep(core, ALL_NEW, ProbeType.TENSOR_CORE)

        states = {await state(core, gpu) for gpu in sweeps.gpus}
        found, causes = await happened(core, Correlation), await happened(core, GuardChange)
        assert states == {HealthState.HEALTHY}
        assert [(one.shared, one.value, one.raised) for one in causes] == [("golden_answer", "NVIDIA H100", True)]
        assert [(one.gpu, one.pattern_type, len(one.events)) for one in found] == [(None, 5, 40)]


async def test_what_was_acquitted_never_counts_later(place: Place):
    sweeps = Sweeps(place, [*OLD, *NEW])
    async with place.running() as core:
        await sweeps.sweep(core)
        for _ in range(3):
            await sweeps.sweep(core, ALL_NEW, ProbeType.TENSOR_CORE)
        place.clock.sleep(2 * 3600)
        await core.upkeep()
        await sweeps.sweep(core, {(NEW[0], 0)}, ProbeType.TENSOR_CORE)

        assert await path(core, NEW[0]) == []
        causes = await happened(core, GuardChange)
    assert [one.raised for one in causes] == [True, False]


async def test_a_restart_neither_forgets_nor_repeats_a_cause(either: Place):
    sweeps = Sweeps(either, [*OLD, *NEW])
    for number in range(4):
        async with either.running() as core:
            await sweeps.sweep(core, ALL_NEW if number else (), ProbeType.TENSOR_CORE)
    async with either.running() as core:
        assert {await state(core, gpu) for gpu in NEW} == {HealthState.HEALTHY}
        either.clock.sleep(3601)
        await core.upkeep()

        assert [one.raised for one in await happened(core, GuardChange)] == [True, False]


async def test_a_dead_sm_is_found_beside_a_wrong_golden_answer(place: Place):
    sweeps = Sweeps(place, [*OLD, *NEW])
    bad = {(OLD[5], 1)}
    async with place.running() as core:
        for _ in range(3):
            await sweeps.sweep(core, bad)
            await sweeps.sweep(core, ALL_NEW, ProbeType.TENSOR_CORE)

        assert (await path(core, OLD[5]))[:2] == ["SUSPECT", "QUARANTINED"]


async def test_a_host_that_invents_gpus_hides_no_defect_of_another(place: Place):
    place.settings = CoreSettings(ingest=IngestSettings(own_hostname=True))
    gpus, none = fleet(12, 2), [replace(gpu, hostname="liar") for gpu in fleet(1, 6, driver="560")]
    real, invented = Sweeps(place, gpus), Sweeps(place, none, sms=2)
    async with place.running() as core:
        for _ in range(4):
            for kind in ProbeType:
                for batch in invented.batches({(gpu, sm) for gpu in none for sm in range(2)}, kind, ProbeResult.FAIL):
                    await core.report_probes(agent_of(none[0]), batch)
            for batch in real.batches({(gpus[0], 1)}, ProbeType.FMA, ProbeResult.FAIL):
                host = next(gpu for gpu in gpus if gpu.hostname == batch.agent_hostname)
                await core.report_probes(agent_of(host), batch)
            place.clock.sleep(60)
            await core.upkeep()

        assert (await path(core, gpus[0]))[:2] == ["SUSPECT", "QUARANTINED"]


async def test_failures_of_an_outage_that_come_late_are_one_cause_too(place: Place):
    sweeps = Sweeps(place, [*OLD, *NEW])
    async with place.running() as core:
        await sweeps.sweep(core)
        late = []
        for _ in range(4):
            late += sweeps.batches(ALL_NEW, ProbeType.TENSOR_CORE, ProbeResult.FAIL)
            place.clock.sleep(600)
        place.clock.sleep(3 * 3600)
        for batch in sorted(late, key=lambda batch: batch.sequence_number):
            await core.report_probes(AGENT, batch)

        assert HealthState.QUARANTINED not in {await state(core, gpu) for gpu in sweeps.gpus}


async def test_a_failing_host_is_asked_about_and_not_acted_on(place: Place):
    sweeps = Sweeps(place, fleet(3))
    bad = {(gpu, 1) for gpu in sweeps.gpus[:3]}
    async with place.running() as core:
        await sweeps.sweep(core)
        for _ in range(4):
            await sweeps.sweep(core, bad)

        assert {await state(core, gpu) for gpu, _ in bad} == {HealthState.SUSPECT}
        (asked,) = await directives(core, sweeps.gpus[0])
        assert (asked.directive.action, asked.status) == (Action.QUARANTINE, DirectiveStatus.WAITING)
        assert "so the host may be the cause" in asked.directive.reason
        assert [one.shared for one in await happened(core, GuardChange)] == ["host"]


async def test_an_approved_proposal_is_followed_by_a_deep_test(place: Place):
    sweeps = Sweeps(place, fleet(3))
    bad = {(gpu, 1) for gpu in sweeps.gpus[:3]}
    async with place.running() as core:
        for _ in range(4):
            await sweeps.sweep(core, bad)
        (asked,) = await directives(core, sweeps.gpus[0])
        await core.decide(OMAR, asked.directive_id, approve=True)
        await core.upkeep()

        assert await state(core, sweeps.gpus[0]) is HealthState.DEEP_TEST


async def test_who_was_asked_is_asked_again_after_a_day_only(place: Place):
    sweeps = Sweeps(place, fleet(1, 3), sms=2)
    bad = {(gpu, 1) for gpu in sweeps.gpus}
    async with place.running() as core:
        for _ in range(6):
            await sweeps.sweep(core, bad)
        assert len(await directives(core, sweeps.gpus[0])) == 1
        place.clock.sleep(86_400)
        await sweeps.sweep(core, bad)

        assert len(await directives(core, sweeps.gpus[0])) == 2


@pytest.mark.parametrize(("share", "out"), [(0.001, 2), (0.05, 3)], ids=["no room", "room"])
async def test_no_more_than_some_are_taken_out_in_a_day(either: Place, share: float, out: int):
    either.settings = CoreSettings(model=ModelSettings(automatic_share=share, deep_test_automatic=False))
    sweeps = Sweeps(either, fleet(30, 2), sms=2)
    for number in (0, 20, 40):
        async with either.running() as core:
            for _ in range(3):
                await sweeps.sweep(core, {(sweeps.gpus[number], 1)})
            either.clock.sleep(7200)
    async with either.running() as core:
        states = [await state(core, sweeps.gpus[number]) for number in (0, 20, 40)]
        last = (await directives(core, sweeps.gpus[40]))[-1]

    assert states.count(HealthState.QUARANTINED) == out
    assert last.directive.requires_approval is (out == 2)


async def test_anomalies_of_many_gpus_at_one_moment_speak_against_none(place: Place):
    gpus = fleet(5)
    async with place.running() as core:
        for number, gpu in enumerate(gpus[:24]):
            await core.report_anomalies(AGENT, spikes(gpu, number))

        assert {await state(core, gpu) for gpu in gpus[:24]} == {HealthState.HEALTHY}
        assert core._memory.gpus[gpus[0].uuid].signs == ()


async def test_anomalies_of_one_gpu_alone_make_it_suspect(place: Place):
    gpus = fleet(5)
    async with place.running() as core:
        await Sweeps(place, gpus).sweep(core)
        for number in range(8):
            await core.report_anomalies(AGENT, spikes(gpus[0], number))
            place.clock.sleep(600)

        assert await path(core, gpus[0]) == ["SUSPECT"]


def spikes(gpu: Gpu, number: int) -> AnomalyBatch:
    """A loss spike on a GPU."""
    event = AnomalyEvent(f"a-{gpu.uuid}-{number}", 5, gpu, source=2)
    return AnomalyBatch(gpu.hostname, (event,), number)


async def test_what_was_acquitted_is_on_record(place: Place):
    sweeps = Sweeps(place, [*OLD, *NEW])
    place.settings = CoreSettings(note_window=timedelta(0))
    async with place.running() as core:
        await sweeps.sweep(core)
        for _ in range(3):
            await sweeps.sweep(core, ALL_NEW, ProbeType.TENSOR_CORE)

    told = [SystemRecord.FromString(entry.data) for entry in recorded(place, SYSTEM)]
    counts = [int(one.fields["count"]) for one in told if one.event == "failures.acquitted"]
    assert sum(counts) == 3 * len(NEW)
    assert "common_cause.found" in [one.event for one in told]
