"""People are told where probes take too much of a host for long, and when that is over, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import JANE, SECOND_NS, Place
from tests.sentinel_core.sweeps import AGENT, Sweeps, fleet, state
from tests.sentinel_core.test_overhead import BAD, DEAD, FMA, HOST, Slow, measured_pct
from tests.sentinel_core.test_telling_alerts import Heard
from tests.sentinel_core.test_who_may_blame import agent_of

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.configuration import ConfigChange, ProbeSchedule, ScheduleEntry
from sentinel_gateway.domain.happenings import ProbesTakeTooMuch
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import Ack, ProbeResult
from sentinel_gateway.domain.settings import CoreSettings, IngestSettings
from sentinel_sdk.signing import Key, Keys, sign

MUCH_S, LITTLE_S = 3.0, 0.0001


@pytest.fixture
def heard(place: Place) -> Heard:
    place.alerts = Heard()
    return place.alerts


def ends(heard: Heard) -> list[bool]:
    """Of all that was told of overhead, whether it was an end."""
    return [one.is_over for one in heard.of(ProbesTakeTooMuch) if isinstance(one, ProbesTakeTooMuch)]


async def test_it_is_told_and_its_end(place: Place, heard: Heard):
    slow = Slow(place, MUCH_S)
    async with place.running() as core:
        await slow.minutes(core, 8)
        slow.took_s = LITTLE_S
        await slow.minutes(core, 12)

    assert ends(heard) == [False, True]


async def test_a_suspect_keeps_nothing_from_being_told(place: Place, heard: Heard):
    slow = Slow(place, LITTLE_S)
    async with place.running() as core:
        await slow.minutes(core, 2, {(BAD, DEAD)})
        assert await state(core, BAD) is HealthState.SUSPECT
        slow.took_s = MUCH_S
        await slow.minutes(core, 12)

    assert ends(heard) == [False]


async def test_it_ends_once_for_a_host_that_is_gone_which_is_forgotten(place: Place, heard: Heard):
    async with place.running() as core:
        await Slow(place, MUCH_S).minutes(core, 8)
        for _ in range(17):
            place.clock.sleep(600)
            await core.upkeep()

        assert (ends(heard), await core.host_loads()) == ([False, True], ())


@pytest.mark.parametrize(("took_s", "told"), [(LITTLE_S, [True]), (MUCH_S, [])], ids=["over", "lasting"])
async def test_after_a_restart_its_end_is_told_when_it_was_measured(place: Place, heard: Heard, took_s, told):
    slow = Slow(place, took_s)
    async with place.running() as core:
        core.overhead_is_high([HOST])
        await slow.minutes(core, 9)
        assert ends(heard) == []
        await slow.minutes(core, 3)

    assert ends(heard) == told


async def test_after_a_restart_it_ends_for_a_host_that_is_gone(place: Place, heard: Heard):
    async with place.running() as core:
        core.overhead_is_high([HOST])
        for _ in range(3):
            place.clock.sleep(301)
            await core.upkeep()

    assert ends(heard) == [True]


async def report(core: Core, place: Place, gpus: list[Gpu], took_s: float, sequence: int) -> Ack:
    """One execution of each SM of the first host, on these GPUs."""
    (batch,) = Sweeps(place, [replace(gpu, hostname=HOST) for gpu in gpus]).batches((), FMA, ProbeResult.FAIL)
    ran = tuple(
        replace(one, gpu=next(gpu for gpu in gpus if gpu.uuid == one.gpu.uuid), execution_time_ns=int(took_s * 1e9))
        for one in batch.executions
    )
    batch = replace(batch, executions=ran, sequence_number=sequence)
    return await core.report_probes(agent_of(replace(gpus[-1], hostname=HOST)), batch)


async def test_gpus_of_which_another_host_reports_are_not_measured(place: Place):
    place.settings = CoreSettings(ingest=IngestSettings(own_hostname=True))
    own, other = fleet(2, gpus=1)
    async with place.running() as core:
        await Sweeps(place, [other]).sweep_as(core, agent_of(other))
        await report(core, place, [replace(other, hostname=""), own], 2.0, 1)

        (load,) = [one for one in await core.host_loads() if one.hostname == HOST]
    assert set(load.gpus) == {own.uuid}


async def test_results_that_were_reported_before_are_not_measured_again(place: Place):
    key = Key(b"k")
    place.keys = Keys(key)
    (batch,) = Sweeps(place, fleet(1, gpus=1)).batches({(fleet(1)[0], 0)}, FMA, ProbeResult.FAIL)
    ran = [replace(one, execution_time_ns=6 * SECOND_NS) for one in batch.executions]
    ran = [replace(one, hmac_signature=sign(one, key)) for one in ran]
    async with place.running() as core:
        await core.report_probes(AGENT, replace(batch, executions=tuple(ran)))
        assert await measured_pct(core) == pytest.approx(4.0)
        await core.report_probes(AGENT, replace(batch, executions=(ran[0],), sequence_number=9))

        assert await measured_pct(core) == pytest.approx(4.0)


async def test_an_execution_longer_than_any_is_refused(place: Place):
    async with place.running() as core:
        ack = await report(core, place, fleet(1, gpus=1), 601, 1)
        assert (ack.accepted, "longer than is possible" in ack.reason) == (False, True)
        await core.apply_config(JANE, ConfigChange(ProbeSchedule((ScheduleEntry(FMA, 60, 1.0, 1, True, 1000),))))

        assert not (await report(core, place, fleet(1, gpus=1), 2.1, 2)).accepted
        assert (await report(core, place, fleet(1, gpus=1), 1.9, 3)).accepted
