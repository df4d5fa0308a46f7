"""The register of injected faults."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import AGENT, OMAR, SECOND_NS, Place, batch, execution, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.domain.faults import FaultRequest, FaultType, checked

FLIP = FaultRequest(FaultType.BIT_FLIP, gpu(), 3, bit_position=30, duration_ms=2000, target="register_index")


async def knowing(core: Core) -> Core:
    await core.report_probes(AGENT, batch(execution()))
    return core


async def test_a_fault_is_listed_until_its_time_is_over(either: Place):
    async with either.running() as core:
        fault = await (await knowing(core)).inject_fault(OMAR, FLIP)
    async with either.running() as core:
        assert core.list_faults() == core.list_faults(gpu().uuid) == (fault,)
        assert core.list_faults(gpu(1).uuid) == ()
        assert fault.expires_ns == fault.activated_ns + 2 * SECOND_NS

        either.clock.sleep(2)
        assert core.list_faults() == ()
        await core.upkeep()
    async with either.running() as core:
        assert core._memory.faults == {}


async def test_a_fault_without_an_end_is_listed_until_it_is_cleared(either: Place):
    async with either.running() as core:
        fault = await (await knowing(core)).inject_fault(OMAR, replace(FLIP, duration_ms=0))
        either.clock.sleep(10_000)
        assert core.list_faults() == (fault,)
        assert await core.clear_fault(OMAR, fault.injection_id) == fault
        assert core.list_faults() == ()
        with pytest.raises(NotKnown):
            await core.clear_fault(OMAR, fault.injection_id)
    async with either.running() as core:
        assert core.list_faults() == ()


INVALID = {
    "an unknown type": replace(FLIP, fault_type=9),
    "stuck at nothing": replace(FLIP, fault_type=FaultType.STUCK_AT),
    "noise of no strength": replace(FLIP, fault_type=FaultType.NOISE),
    "a delay of nothing": replace(FLIP, fault_type=FaultType.DELAY),
    "no GPU": replace(FLIP, gpu=replace(gpu(), uuid="")),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_makes_no_sense_is_invalid(name: str):
    with pytest.raises(Invalid):
        checked(INVALID[name])


async def test_a_gpu_nobody_reported_about_is_not_known(place: Place):
    async with place.running() as core:
        with pytest.raises(NotKnown):
            await core.inject_fault(OMAR, FLIP)
