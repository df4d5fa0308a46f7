"""Deep tests that failed for a cause found later go on, and those that cannot end are a person's to decide."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from tests.sentinel_core.gateway import OMAR, Place
from tests.sentinel_core.sweeps import AGENT, Sweeps, directives, state
from tests.sentinel_core.test_deep_tests import events
from tests.sentinel_core.test_undecided_deep_tests import BAD, CONDEMN, DEAD, GPUS, SMS, asked, passes, taken_out

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.deep_tests import DeepTestOutcome
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution, ProbeResult, ProbeType

pytestmark = pytest.mark.slow

WAITING, WITHDRAWN, DENIED = DirectiveStatus.WAITING, DirectiveStatus.WITHDRAWN, DirectiveStatus.DENIED
TENSOR = ProbeType.TENSOR_CORE
HOUR_S = 3600


@pytest.fixture
def sweeps(place: Place) -> Sweeps:
    return Sweeps(place, GPUS, SMS)


async def fails_by_host(core: Core, sweeps: Sweeps, own: Collection[tuple[Gpu, int]] = ()) -> None:
    """One probe is wrong everywhere; the host of the GPU in the test reports first, the others a minute later."""
    wrong = {(gpu, sm) for gpu in GPUS for sm in range(SMS)}
    first, *others = sweeps.batches(wrong, TENSOR, ProbeResult.FAIL)
    if own:
        await core.report_probes(AGENT, sweeps.batches(own, ProbeType.FMA, ProbeResult.FAIL)[0])
    await core.report_probes(AGENT, first)
    assert await asked(core) == [(CONDEMN, WAITING)]
    sweeps.place.clock.sleep(60)
    for batch in others:
        await core.report_probes(AGENT, batch)
    await core.upkeep()


async def test_a_test_that_failed_first_of_all_goes_on_when_the_others_fail_too(either: Place):
    sweeps = Sweeps(either, GPUS, SMS)
    async with either.running() as core:
        await sweeps.sweep(core)
        await taken_out(core, sweeps)
        await fails_by_host(core, sweeps)
        test = (await core.gpu_health(BAD.uuid)).deep_test
        assert test is not None
        assert (test.outcome, test.failures, test.failed) == (DeepTestOutcome.OPEN, 0, ())
        assert await asked(core) == [(CONDEMN, WITHDRAWN)]
    async with either.running() as core:
        either.clock.sleep(2 * HOUR_S)
        await core.upkeep()
        await passes(core, sweeps)
        await passes(core, sweeps, TENSOR)

        assert await state(core, BAD) is HealthState.HEALTHY
    told = [one.fields["probe_types"] for one in events(either) if one.event == "deep_test.reopened"]
    assert told == ["TENSOR_CORE"]


async def test_a_failure_of_its_own_beside_them_stays(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await sweeps.sweep(core)
        await taken_out(core, sweeps)
        await fails_by_host(core, sweeps, own={(BAD, DEAD)})

        assert await asked(core) == [(CONDEMN, WAITING)]


async def test_what_failed_long_before_is_not_explained_by_it(either: Place):
    sweeps = Sweeps(either, GPUS, SMS)
    async with either.running() as core:
        await sweeps.sweep(core)
        await taken_out(core, sweeps)
        await sweeps.sweep(core, {(BAD, DEAD)}, TENSOR)
    async with either.running() as core:
        either.clock.sleep(4 * HOUR_S)
        await core.upkeep()
        await fails_by_host(core, sweeps)

        assert await asked(core) == [(CONDEMN, WAITING)]


async def test_who_denied_is_asked_again_only_when_it_failed_again(either: Place):
    sweeps = Sweeps(either, GPUS, SMS)
    async with either.running() as core:
        await taken_out(core, sweeps)
        await sweeps.sweep(core, {(BAD, DEAD)})
        *_, condemn = await directives(core, BAD)
        await core.decide(OMAR, condemn.directive_id, approve=False)
    async with either.running() as core:
        for _ in range(4):
            either.clock.sleep(24 * HOUR_S)
            await core.upkeep()
        assert await asked(core) == [(CONDEMN, DENIED)]
        await sweeps.sweep(core, {(BAD, DEAD)})

        assert await asked(core) == [(CONDEMN, DENIED), (CONDEMN, WAITING)]


async def ran(core: Core, sweeps: Sweeps, counts: dict[int, int], result: int) -> None:
    """So many results of SMs of the GPU in the test."""
    sweeps.sequence += 1
    runs = [
        ProbeExecution(f"e-{sweeps.sequence}-{sm}-{n}", 1, BAD, sm, result, time_ns=sweeps.place.clock.ns + n)
        for sm, count in counts.items()
        for n in range(count)
    ]
    await core.report_probes(AGENT, ProbeBatch(BAD.hostname, tuple(runs), sweeps.sequence))


@pytest.mark.parametrize("result", [ProbeResult.ERROR, ProbeResult.TIMEOUT])
async def test_an_sm_that_never_passes_any_more_is_asked_about_once_a_day(place: Place, sweeps: Sweeps, result: int):
    async with place.running() as core:
        await taken_out(core, sweeps)
        for _ in range(12):
            await ran(core, sweeps, {1: 600}, result)
            await passes(core, sweeps, sms=[0, DEAD, 3])
            place.clock.sleep(2 * HOUR_S + 60)
            await core.upkeep()
        *_, condemn = await directives(core, BAD)

        assert await asked(core) == [(CONDEMN, WAITING)]
        assert "1 of its 4 SMs hardly ever pass, if at all (1)" in condemn.directive.reason


async def test_a_gpu_of_which_nothing_is_heard_is_asked_about(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await taken_out(core, sweeps)
        place.clock.sleep(4 * HOUR_S - 120)
        await core.upkeep()
        assert await asked(core) == []
        place.clock.sleep(120)
        await core.upkeep()
        *_, condemn = await directives(core, BAD)
        assert (condemn.directive.action, condemn.status) == (Action.CONDEMN, WAITING)
        assert "nothing was heard of it for 4 hours" in condemn.directive.reason
        await passes(core, sweeps)

        assert await state(core, BAD) is HealthState.HEALTHY
        assert (await asked(core))[0] == (CONDEMN, WITHDRAWN)
