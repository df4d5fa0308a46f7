"""The simulation behind docs/sentinel-model.md comes to what a running gateway comes to, about every GPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import pytest
from tests.sentinel_core.gateway import Place
from tests.sentinel_core.sweeps import AGENT, state

from gcm_sentinel.evals.bench.reliability.fleet import fleet_of, phase_s
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import START_NS, Schedule, Slot, time_of
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveFilter, DirectiveStatus
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Window
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution, ProbeResult, ProbeType
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step

pytestmark = pytest.mark.slow

SCHEDULE = Schedule(sms=4)
MINUTE_NS, SECOND_NS = 60 * 10**9, 10**9
IN_USE = (HealthState.HEALTHY, HealthState.SUSPECT)
FLEET = fleet_of(48, 2)
Fails = Callable[[int, Slot], bool]
Taken = dict[str, set[tuple[int, Step]]]
"""By GPU: in which minute, what."""


def golden_answer(number: int, slot: Slot) -> bool:
    """It becomes wrong for one model, on one host after the other."""
    return "H100" in FLEET[number].model and slot.probe_type == ProbeType.TENSOR_CORE and slot.tick >= number // 2


def dead_sms(number: int, slot: Slot) -> bool:
    """One GPU of twelve has a dead SM: too many for defects, as it seems at first."""
    return number % 12 == 5 and slot.sm_id == number // 12


def one_dead_sm(number: int, slot: Slot) -> bool:
    """One GPU only."""
    return number == 7 and slot.sm_id == 2


def simulated(fails: Fails, minutes: int) -> Taken:
    """What the simulation did."""
    judge = Judge(FLEET, SCHEDULE, ModelSettings())
    taken: Taken = {gpu.uuid: set() for gpu in FLEET}
    for tick in range(minutes):
        sweep = SCHEDULE.sweep(tick)
        judge.report({number: [slot for slot in sweep if fails(number, slot)] for number in range(len(FLEET))})
    for one in judge.done:
        taken[FLEET[one.number].uuid].add((one.time_ns // MINUTE_NS, one.step))
    return taken


async def reported(core: Core, place: Place, fails: Fails, minutes: int) -> Taken:
    """What a gateway did to which every result was reported."""
    hosts: defaultdict[tuple[float, str], list[int]] = defaultdict(list)
    for number, gpu in enumerate(FLEET):
        hosts[phase_s(gpu), gpu.hostname].append(number)
    for tick in range(minutes):
        for (phase, hostname), numbers in sorted(hosts.items()):
            place.clock.ns = time_of(tick, 0, phase) - SECOND_NS
            await core.upkeep()
            place.clock.ns += SECOND_NS
            works = [number for number in numbers if tick == 0 or await state(core, FLEET[number]) in IN_USE]
            ran = tuple(one for number in works for one in executions(number, tick, fails))
            if ran:
                await core.report_probes(AGENT, ProbeBatch(hostname, ran, tick, place.clock.ns))
    return {gpu.uuid: await steps(core, gpu) for gpu in FLEET}


def executions(number: int, tick: int, fails: Fails) -> Sequence[ProbeExecution]:
    """One sweep of a GPU."""
    gpu = FLEET[number]
    return [
        ProbeExecution(
            f"{number}/{slot}",
            slot.probe_type,
            gpu,
            slot.sm_id,
            int(ProbeResult.FAIL if fails(number, slot) else ProbeResult.PASS),
            time_ns=time_of(tick, rank, phase_s(gpu)),
        )
        for rank, slot in enumerate(SCHEDULE.sweep(tick))
    ]


async def steps(core: Core, gpu: Gpu) -> set[tuple[int, Step]]:
    """All that it did to one GPU."""
    names = {HealthState.SUSPECT: Step.SUSPECT, HealthState.QUARANTINED: Step.QUARANTINE}
    page = await core.history(gpu.uuid, Window(), 1000)
    taken = [(one.time_ns, names[one.to_state]) for one in page.transitions if one.to_state in names]
    asked = (await core.directives(DirectiveFilter(gpu.uuid))).directives
    taken += [(one.issued_ns, Step.PROPOSE) for one in asked if one.status is DirectiveStatus.WAITING]
    return {((time_ns - START_NS) // MINUTE_NS, step) for time_ns, step in taken}


@pytest.mark.parametrize(
    ("fails", "minutes", "expected"),
    [
        pytest.param(one_dead_sm, 5, {Step.QUARANTINE: 1}, id="one dead SM"),
        pytest.param(golden_answer, 12, {Step.PROPOSE: 2}, id="a wrong golden answer"),
        pytest.param(dead_sms, 8, {Step.PROPOSE: 3}, id="a sick fleet"),
        pytest.param(
            dead_sms, 75, {Step.PROPOSE: 3, Step.QUARANTINE: 1}, marks=pytest.mark.slow, id="one that stays sick"
        ),
    ],
)
async def test_both_take_the_same_steps_in_the_same_minute(
    place: Place, fails: Fails, minutes: int, expected: dict[Step, int]
):
    async with place.running() as core:
        real = await reported(core, place, fails, minutes)

    told = [step for taken in real.values() for _, step in taken]
    assert simulated(fails, minutes) == real
    assert {step: told.count(step) for step in (Step.PROPOSE, Step.QUARANTINE) if step in told} == expected
