"""Copies of a pass end no deep test and clear no suspect, signed or not; what runs later does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import Place, signed
from tests.sentinel_core.sweeps import AGENT, Sweeps, fleet, state

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.probes import ProbeBatch, ProbeResult, ProbeType
from sentinel_sdk.signing import Key, Keys

KEY = Key(b"secret")
GPUS = fleet(2, 4)
BAD, DEAD, SMS = GPUS[0], 2, 4
FMA = int(ProbeType.FMA)


@pytest.fixture(params=[Keys(), Keys(KEY)], ids=["unsigned", "signed"])
def sweeps(place: Place, request: pytest.FixtureRequest) -> Sweeps:
    place.keys = request.param
    return Sweeps(place, GPUS, SMS)


async def send(core: Core, sweeps: Sweeps, batch: ProbeBatch) -> None:
    """Under a number of its own."""
    sweeps.sequence += 1
    executions = tuple(signed(batch.executions, KEY))
    await core.report_probes(AGENT, replace(batch, sequence_number=sweeps.sequence, executions=executions))


def sweep(sweeps: Sweeps, *, fails: bool = False) -> ProbeBatch:
    """Of its host."""
    return sweeps.batches({(BAD, DEAD)} if fails else (), FMA, ProbeResult.FAIL)[0]


async def failed(core: Core, sweeps: Sweeps, times: int) -> None:
    for _ in range(times):
        await send(core, sweeps, sweep(sweeps, fails=True))
        sweeps.place.clock.sleep(60)
        await core.upkeep()


async def passes(core: Core) -> int:
    """Of the SM that is in doubt, in its deep test."""
    test = (await core.gpu_health(BAD.uuid)).deep_test
    assert test is not None
    return test.passed(DEAD)


async def test_a_copy_is_no_evidence_in_a_deep_test(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await failed(core, sweeps, 3)
        captured = sweep(sweeps)
        for _ in range(3):
            await send(core, sweeps, captured)

        assert (await state(core, BAD), await passes(core)) == (HealthState.DEEP_TEST, 1)


async def test_what_runs_later_is(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await failed(core, sweeps, 3)
        for _ in range(3):
            await send(core, sweeps, sweep(sweeps))
            place.clock.sleep(1)

        assert await passes(core) == 3


async def test_a_copy_is_none_after_a_restart(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await failed(core, sweeps, 3)
        captured = sweep(sweeps)
        await send(core, sweeps, captured)
    async with place.running() as core:
        await send(core, sweeps, captured)
        assert await passes(core) == 1
        place.clock.sleep(1)
        await send(core, sweeps, sweep(sweeps))
        assert await passes(core) == 2


async def test_copies_stand_beside_no_failure_either(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        captured = sweep(sweeps)
        await send(core, sweeps, captured)
        await failed(core, sweeps, 2)
        after = sweep(sweeps)
        for batch in (captured, after, after):
            await send(core, sweeps, batch)

        trail = core._memory.gpus[BAD.uuid].sms.trails[DEAD]
        assert [burst.passes for burst in trail] == [0, 1]


async def test_only_gpus_in_doubt_take_memory_for_it(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await failed(core, sweeps, 1)
        assert set(core._memory.trial.passes) == {BAD.uuid}
