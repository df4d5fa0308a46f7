"""A dissent is evidence where the gateway asked for the canary; whoever may report cannot choose whom to blame.

One host that lies about canaries it takes part in makes a few GPUs of others SUSPECT, and does no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import AGENT, Place
from tests.sentinel_core.sweeps import Sweeps, fleet, path
from tests.sentinel_core.test_canaries import answer, told
from tests.sentinel_core.test_what_is_recorded import recorded

from sentinel.ext.v1.records_pb2 import TmrRecord
from sentinel.v1 import audit_pb2
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import Denied, Invalid
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.roles import Caller, Role
from sentinel_gateway.domain.settings import CoreSettings, IngestSettings, TmrSettings
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport, TmrRequest

GPUS = fleet(4, 2)
BELIEVING = CoreSettings(tmr=TmrSettings(count_unscheduled=True))
PAIRS = list(zip(GPUS[2::2], GPUS[3::2], strict=True))
"""Of one host each."""
HELD = CoreSettings(ingest=IngestSettings(own_hostname=True))
TMR = int(audit_pb2.AUDIT_ENTRY_TYPE_TMR_RESULT)


def agent_of(gpu: Gpu) -> Caller:
    return Caller(gpu.hostname, frozenset({Role.AGENT}), "certificate")


async def scheduled(core: Core, place: Place) -> TmrRequest:
    """A canary of all the GPUs there are."""
    for gpu in GPUS[:6:2]:
        await Sweeps(place, [gpu], sms=1).sweep_as(core, agent_of(gpu))
    (one,) = await told(core, core.follow_canaries())
    return one


async def blamed(core: Core, victim: Gpu, *pairs: tuple[Gpu, Gpu]) -> None:
    """The hosts of others report canaries that nobody scheduled."""
    for number, (a, b) in enumerate(pairs):
        await core.report_tmr(agent_of(a), answer(TmrRequest(f"c-{number}", (victim, a, b)), victim))


async def lied(core: Core, place: Place, gpus: Sequence[Gpu], rounds: int) -> None:
    """The first host says of every canary that it takes part in that somebody else's GPU stood alone."""
    canaries = core.follow_canaries()
    for _ in range(rounds):
        for first in range(0, len(gpus), 2):
            await Sweeps(place, gpus[first : first + 2], sms=1).sweep_as(core, agent_of(gpus[first]))
        (one,) = await told(core, canaries)
        others = sorted((gpu for gpu in one.gpus if gpu.hostname != gpus[0].hostname), key=lambda gpu: gpu.uuid)
        if len(others) < 3:
            await core.report_tmr(agent_of(gpus[0]), answer(one, others[0]))
        place.clock.sleep(600)


async def test_canaries_that_nobody_scheduled_blame_nobody(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS, sms=1).sweep(core)
        await blamed(core, GPUS[0], *PAIRS)

        assert await path(core, GPUS[0]) == []
        health = await core.gpu_health(GPUS[0].uuid)
        assert (health.beta, health.sdc_event_count, health.recent_correlations) == (7.0, 3, ())
        assert len((await core.trust_graph()).edges) == 9


async def test_agents_that_schedule_themselves_are_believed_where_settings_say_so(place: Place):
    place.settings = BELIEVING
    async with place.running() as core:
        await Sweeps(place, GPUS, sms=1).sweep(core)
        await blamed(core, GPUS[0], *PAIRS)

        assert (await path(core, GPUS[0]))[:2] == ["SUSPECT", "QUARANTINED"]
        kinds = {one.pattern_type for one in (await core.gpu_health(GPUS[0].uuid)).recent_correlations}
    assert kinds == {6}


async def test_a_wrong_partner_incriminates_itself(place: Place):
    place.settings = BELIEVING
    async with place.running() as core:
        await Sweeps(place, GPUS, sms=1).sweep(core)
        await blamed(core, GPUS[0], *[(GPUS[1], GPUS[2])] * 6)

        assert "QUARANTINED" not in await path(core, GPUS[0])


async def test_a_scheduled_canary_is_reported_by_a_host_that_runs_it(place: Place):
    place.settings = HELD
    async with place.running() as core:
        one = await scheduled(core, place)
        with pytest.raises(Denied, match="runs on other hosts than that of"):
            await core.report_tmr(agent_of(GPUS[7]), answer(one, one.gpus[0]))
        await core.report_tmr(agent_of(one.gpus[1]), answer(one, one.gpus[0]))

        assert await path(core, one.gpus[0]) == ["SUSPECT"]


async def test_a_scheduled_canary_is_of_the_gpus_it_was_scheduled_for(place: Place):
    async with place.running() as core:
        one = await scheduled(core, place)
        other = TmrReport(one.canary_id, (TmrGpuResult(GPUS[7], b"x"), TmrGpuResult(one.gpus[0], b"y")))
        with pytest.raises(Invalid, match="was scheduled for .* not for these"):
            await core.report_tmr(AGENT, other)

        assert list(core._memory.canaries) == [one.canary_id]


@pytest.mark.slow
async def test_a_host_that_lies_takes_out_no_gpu_of_another(place: Place):
    place.settings = HELD
    async with place.running() as core:
        paths: list[list[str]] = []
        while ["SUSPECT"] not in paths:  # whom a canary takes in is drawn: a lie has its effect sooner or later
            await lied(core, place, GPUS, rounds=10)
            paths = [await path(core, gpu) for gpu in GPUS[2:]]
        await lied(core, place, GPUS, rounds=10)
        paths = [await path(core, gpu) for gpu in GPUS[2:]]

    assert {state for one in paths for state in one} == {"SUSPECT"}


async def test_a_host_that_lies_makes_three_gpus_suspect_in_a_week(place: Place):
    place.settings = replace(HELD, tmr=TmrSettings(count_unscheduled=True))
    gpus = fleet(8, 2)
    async with place.running() as core:
        for first in range(0, len(gpus), 2):
            await Sweeps(place, gpus[first : first + 2], sms=1).sweep_as(core, agent_of(gpus[first]))
        for number, victim in enumerate(gpus[2:10]):
            three = (victim, gpus[0], gpus[15])
            await core.report_tmr(agent_of(gpus[0]), answer(TmrRequest(f"c-{number}", three), victim))

        assert [await path(core, gpu) for gpu in gpus[2:10]] == [["SUSPECT"]] * 3 + [[]] * 5


async def test_a_host_says_what_it_likes_about_its_own(place: Place):
    place.settings = replace(HELD, tmr=TmrSettings(count_unscheduled=True))
    async with place.running() as core:
        for first in range(0, len(GPUS), 2):
            await Sweeps(place, GPUS[first : first + 2], sms=1).sweep_as(core, agent_of(GPUS[first]))
        for number, pair in enumerate(PAIRS[:2]):
            await core.report_tmr(agent_of(GPUS[0]), answer(TmrRequest(f"c-{number}", (GPUS[0], *pair)), GPUS[0]))

        assert (await path(core, GPUS[0]))[:2] == ["SUSPECT", "QUARANTINED"]


async def test_the_ledger_names_who_reported_and_whether_it_was_asked_for(place: Place):
    async with place.running() as core:
        one = await scheduled(core, place)
        await core.report_tmr(AGENT, answer(one))
        await core.report_tmr(AGENT, answer(replace(one, canary_id="c-1")))

    told = [TmrRecord.FromString(entry.data) for entry in recorded(place, TMR)]
    assert [(record.canary_id, record.reported_by, record.scheduled) for record in told] == [
        (one.canary_id, AGENT.name, True),
        ("c-1", AGENT.name, False),
    ]
