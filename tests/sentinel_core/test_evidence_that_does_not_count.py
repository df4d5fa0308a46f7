"""What looks like evidence and is none: canaries of GPUs nobody probes, and what a person did not believe."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import AGENT, OMAR, Place
from tests.sentinel_core.sweeps import Sweeps, directives, fleet, path, state
from tests.sentinel_core.test_common_causes import SYSTEM, spikes
from tests.sentinel_core.test_what_is_recorded import recorded

from sentinel.ext.v1.records_pb2 import SystemRecord
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution
from sentinel_gateway.domain.settings import CoreSettings, TmrSettings
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport

GPUS = fleet(3)
BELIEVING = CoreSettings(tmr=TmrSettings(count_unscheduled=True))
"""Canaries that nobody scheduled would blame nobody anyway."""
BAD = GPUS[:3]
VICTIM = GPUS[7]


async def outvoted(core: Core, *pairs: tuple[Gpu, Gpu], victim: Gpu = VICTIM) -> None:
    """Canaries in which the victim stands alone against each pair."""
    for number, (one, other) in enumerate(pairs):
        results = (TmrGpuResult(victim, b"x"), TmrGpuResult(one, b"y"), TmrGpuResult(other, b"y"))
        await core.report_tmr(AGENT, TmrReport(f"c-{number}", results))


INVENTED = [replace(VICTIM, uuid=f"GPU-invented-{number}") for number in range(8)]


async def test_gpus_that_do_not_exist_outvote_nobody(place: Place):
    place.settings = BELIEVING
    async with place.running() as core:
        await Sweeps(place, GPUS, sms=1).sweep(core)
        await outvoted(core, *zip(INVENTED[::2], INVENTED[1::2], strict=True))
        place.clock.sleep(60)
        await outvoted(core, *zip(INVENTED[1::2], INVENTED[::2], strict=True))

        assert await path(core, VICTIM) == []
        assert (await core.trust_graph()).edges


async def test_what_a_report_says_about_a_gpu_makes_it_like_no_other(place: Place):
    place.settings = BELIEVING
    others = [replace(gpu, uuid=f"{gpu.uuid}-old", driver_version="1") for gpu in GPUS[8:14]]
    claimed = [replace(gpu, driver_version=VICTIM.driver_version) for gpu in others]
    async with place.running() as core:
        await Sweeps(place, [*GPUS[:8], *others], sms=1).sweep(core)
        await outvoted(core, *zip(claimed[::2], claimed[1::2], strict=True))
        bare = [Gpu(gpu.uuid) for gpu in others]
        await outvoted(core, (bare[0], bare[1]), (bare[2], bare[3]), victim=Gpu(GPUS[6].uuid))

        assert [await path(core, GPUS[6]), await path(core, VICTIM)] == [[], []]
        assert (await core.gpu_health(others[0].uuid)).gpu.driver_version == "1"


async def test_the_word_of_a_suspect_does_not_count(place: Place):
    place.settings = BELIEVING
    sweeps = Sweeps(place, GPUS, sms=1)
    async with place.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(GPUS[0], 0), (GPUS[9], 0)})
        await outvoted(core, (GPUS[0], GPUS[1]), (GPUS[9], GPUS[2]))

        assert await path(core, VICTIM) == []


async def proposals(core: Core, place: Place, sweeps: Sweeps) -> None:
    """Three GPUs of a host fail, so a person is asked, who does not believe it."""
    for _ in range(4):
        await sweeps.sweep(core, {(gpu, 1) for gpu in BAD})
    for gpu in BAD:
        (asked,) = await directives(core, gpu)
        assert asked.status is DirectiveStatus.WAITING
        await core.decide(OMAR, asked.directive_id, approve=False, comment="the power supply, replaced")


async def test_what_a_person_did_not_believe_does_not_come_back(either: Place):
    sweeps = Sweeps(either, GPUS)
    async with either.running() as core:
        await proposals(core, either, sweeps)
    async with either.running() as core:
        either.clock.sleep(2 * 86_400)
        await sweeps.sweep(core, {(BAD[0], 1)})

        assert await state(core, BAD[0]) is not HealthState.QUARANTINED
        assert len(await directives(core, BAD[0])) == 1
        assert (await core.gpu_health(BAD[0].uuid)).probe_fail_count == 5
    told = [SystemRecord.FromString(entry.data) for entry in recorded(either, SYSTEM)]
    assert [one.fields["by"] for one in told if one.event == "evidence.cleared"] == ["omar"] * 3


async def test_a_gpu_that_a_person_believed_in_is_healthy_after_an_hour(place: Place):
    sweeps = Sweeps(place, GPUS)
    async with place.running() as core:
        await proposals(core, place, sweeps)
        place.clock.sleep(3600)
        await sweeps.sweep(core)

        assert {await state(core, gpu) for gpu in BAD} == {HealthState.HEALTHY}


@pytest.mark.slow
async def test_passes_of_many_days_take_back_what_was_proven(place: Place):
    sweeps = Sweeps(place, GPUS[:3], sms=4)
    async with place.running() as core:
        for _ in range(4):
            await sweeps.sweep(core, {(gpu, 1) for gpu in BAD})
        assert len(await directives(core, BAD[0])) == 1
        for day in range(12):
            place.clock.sleep(86_400)
            now_ns = place.clock.ns
            runs = [ProbeExecution(f"{day}-{n}", 1, BAD[0], 1, 1, time_ns=now_ns + n) for n in range(9000)]
            await core.report_probes(AGENT, ProbeBatch(BAD[0].hostname, tuple(runs), 100 + day))
        await sweeps.sweep(core, {(BAD[0], 1)})

        assert await path(core, BAD[0]) == ["SUSPECT", "HEALTHY"]


@pytest.mark.parametrize("failures", [1, 2])
async def test_anomalies_need_two_failures_beside_them(place: Place, failures: int):
    sweeps = Sweeps(place, GPUS, sms=2)
    async with place.running() as core:
        await sweeps.sweep(core)
        for number in range(8):
            await core.report_anomalies(AGENT, spikes(VICTIM, number))
            place.clock.sleep(600)
        for _ in range(failures):
            await sweeps.sweep(core, {(VICTIM, 1)})

        assert ("QUARANTINED" in await path(core, VICTIM)) is (failures == 2)
