"""The fleet as it is told: filters, counts, and the worst first."""

from __future__ import annotations

import pytest
from tests.sentinel_core.gateway import AGENT, JANE, Place, asking, batch, execution, failures, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.domain.health import Action, HealthState


async def a_fleet(core: Core) -> None:
    """GPU 0 healthy, 1 healthy with a failure, 2 suspect, 3 quarantined; two hosts."""
    for number in range(4):
        failed = {1: 1, 2: 2}.get(number, 0)
        on = gpu(number, f"rack-{number % 2}")
        runs = [*failures(failed, 5, on), *(execution(n + 1, 1, 5, on) for n in range(4 - failed))]
        await core.report_probes(AGENT, batch(*runs, sequence=number, hostname=on.hostname))
    await core.issue(JANE, asking(Action.QUARANTINE, on=gpu(3)))


async def test_an_empty_fleet_is_all_zeros(place: Place):
    async with place.running() as core:
        view = await core.fleet(FleetFilter())

    assert (view.summary.total_gpus, view.summary.overall_sdc_rate, view.summary.average_reliability_score) == (0, 0, 0)
    assert (view.gpus, view.truncated, view.total_matching) == ((), False, 0)


async def test_states_scores_and_rates_are_summed_up(place: Place):
    async with place.running() as core:
        await a_fleet(core)
        summary = (await core.fleet(FleetFilter())).summary

    states = (summary.total_gpus, summary.healthy, summary.suspect, summary.quarantined, summary.condemned)
    assert states == (4, 2, 1, 1, 0)
    assert summary.overall_sdc_rate == 3 / 4
    assert summary.average_reliability_score == pytest.approx((104 / 105 * 2 + 103 / 105 + 102 / 105) / 4)
    assert (summary.active_agents, summary.rate_window_s) == (2, 3600)


async def test_the_worst_come_first_and_the_rest_is_counted(place: Place):
    async with place.running() as core:
        await a_fleet(core)
        view = await core.fleet(FleetFilter(limit=3))

    assert [health.gpu.device_index for health in view.gpus] == [3, 2, 1]
    assert (view.truncated, view.total_matching, view.summary.total_gpus) == (True, 4, 4)


FILTERS = {
    "host": (FleetFilter(hostname_prefix="rack-1"), {1, 3}),
    "part of a model's name": (FleetFilter(model="h100"), {0, 1, 2, 3}),
    "another model": (FleetFilter(model="A100"), set()),
    "states": (FleetFilter(states=(HealthState.SUSPECT, HealthState.QUARANTINED)), {2, 3}),
    "all together": (FleetFilter("rack-1", "H100", (HealthState.HEALTHY,)), {1}),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_filters_choose_by(place: Place, name: str):
    wanted, expected = FILTERS[name]
    async with place.running() as core:
        await a_fleet(core)
        view = await core.fleet(wanted)

    assert {health.gpu.device_index for health in view.gpus} == expected
    assert view.summary.total_gpus == view.total_matching == len(expected)


async def test_agents_that_fell_silent_are_not_active(place: Place):
    async with place.running() as core:
        await a_fleet(core)
        place.clock.sleep(121)

        assert (await core.fleet(FleetFilter())).summary.active_agents == 0


async def test_unknown_and_malformed_gpus_are_told_apart(place: Place):
    async with place.running() as core:
        with pytest.raises(NotKnown):
            await core.gpu_health(gpu().uuid)
        with pytest.raises(Invalid):
            await core.gpu_health("")
