"""Faults injected over gRPC are found by comparing bits, within the budgets of the reference's injector.

Time is the gateway's clock, second by second. A fault appears a second after everything was probed, which is the worst
moment: the next sweep is a whole period away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from tests.sentinel_acceptance.place import Fleet
from tests.sentinel_acceptance.software import Lab, lab

from sentinel_fleet.sentinel import injecting
from sentinel_fleet.sentinel.silicon.faults import Fault, FaultKind, NotSimulated
from sentinel_fleet.sentinel.silicon.schedules import AGGRESSIVE, Period, idle
from sentinel_gateway.app.loading import Groups
from sentinel_sdk import types

pytestmark = pytest.mark.slow

BAD = 1
P = types.ProbeType
KINDS = {
    FaultKind.WEIGHT_BIT: (Fault(FaultKind.WEIGHT_BIT, bit=19, where=5), {P.FMA}),
    FaultKind.STUCK_RESULT: (Fault(FaultKind.STUCK_RESULT, sm=7, bit=20), {P.FMA}),
    FaultKind.NOISE: (Fault(FaultKind.NOISE, sm=2, stddev=0.01), {P.FMA, P.TRANSCENDENTAL}),
    FaultKind.STUCK_MEMORY_BIT: (Fault(FaultKind.STUCK_MEMORY_BIT, bit=13, where=40), {P.MEMORY}),
    FaultKind.TENSOR_BIT: (Fault(FaultKind.TENSOR_BIT, sm=3, bit=9, where=2), {P.TENSOR_CORE}),
    FaultKind.REGISTER_XOR: (Fault(FaultKind.REGISTER_XOR, sm=4, bit=23, where=17), {P.REGISTER_FILE}),
    FaultKind.SHARED_MEMORY: (Fault(FaultKind.SHARED_MEMORY, sm=5, bit=4, where=17), {P.SHARED_MEMORY}),
}


@pytest.fixture
def groups() -> Groups:
    return {"testing": {"enabled": True}}


@pytest.fixture
async def place(fleet: Fleet) -> AsyncIterator[Lab]:
    async with lab(fleet) as opened:
        yield opened


async def blamed(place: Lab) -> set[tuple[str, int, types.ProbeType]]:
    """GPU, SM and probe type of everything that failed."""
    failures = await place.failures()
    return {(one.sm.gpu.uuid, one.sm.sm_id, one.probe_type) for one in failures if one.sm and one.sm.gpu}


async def counts(place: Lab, gpus) -> list[set[int]]:
    """For each GPU, its SMs with failures."""
    healths = [await place.fleet.health(gpu) for gpu in gpus]
    return [{one.sm.sm_id for one in health.sm_health if one.sm and one.probe_fail_count} for health in healths]


async def test_all_seven_kinds_are_found_by_the_probes_of_what_they_break(place: Lab):
    gpus = await place.host("node-1", idle(AGGRESSIVE), gpus=8, sms=8)
    for gpu, (fault, _) in zip(gpus, KINDS.values(), strict=False):
        await place.inject(gpu, fault)

    await place.passes(150)

    found: dict[str, set[types.ProbeType]] = {}
    for uuid, _, kind in await blamed(place):
        found.setdefault(uuid, set()).add(kind)
    assert found == {gpu.uuid: kinds for gpu, (_, kinds) in zip(gpus, KINDS.values(), strict=False)}
    failing = await counts(place, gpus)
    assert failing == [{fault.sm} if fault.sm is not None else set(range(8)) for fault, _ in KINDS.values()] + [set()]


@pytest.mark.parametrize("kind", [FaultKind.REGISTER_XOR, FaultKind.SHARED_MEMORY])
async def test_the_ledger_has_the_very_bit_and_both_words(place: Lab, kind: FaultKind):
    gpus = await place.host("node-1", idle(AGGRESSIVE))
    await place.inject(gpus[BAD], KINDS[kind][0])

    await place.passes(75)

    for one in await place.failures():
        wrong = one.mismatch_detail
        assert wrong
        assert wrong.differing_bits == [KINDS[kind][0].bit]
        words = (int.from_bytes(word, "little") for word in (wrong.expected_value, wrong.actual_value))
        assert next(words) ^ next(words) == KINDS[kind][0].mask
        assert one.expected_hash != one.actual_hash


async def test_single_weight_bitflip_is_found_within_30_s(place: Lab):
    """Aggressive schedule, FMA every 30 s: 30 s at most. The weight is the GPU's, so all its SMs fail."""
    gpus = await place.host("node-1", AGGRESSIVE)
    await place.inject(gpus[BAD], KINDS[FaultKind.WEIGHT_BIT][0])

    await place.passes(30)

    assert await blamed(place) == {(gpus[BAD].uuid, sm, P.FMA) for sm in range(16)}
    assert await counts(place, gpus) == [set(), set(range(16)), set(), set()]


async def test_fma_stuck_at_is_found_on_sm_7_of_132_within_15_s_on_an_idle_gpu(place: Lab):
    """Aggressive schedule at the documented half period of an idle GPU: 15 s at most. On a busy one see below."""
    gpus = await place.host("node-1", idle(AGGRESSIVE), gpus=2, sms=132)
    await place.inject(gpus[BAD], KINDS[FaultKind.STUCK_RESULT][0])

    await place.passes(15)

    assert await blamed(place) == {(gpus[BAD].uuid, 7, P.FMA)}
    assert await counts(place, gpus) == [set(), {7}]


async def test_fma_stuck_at_takes_up_to_30_s_on_a_busy_gpu(place: Lab):
    """The budget of 15 s cannot be kept by the documented schedule there: the shortest period is 30 s, so half of all
    faults are found within 15 s and the last after 30 s. This one, at the worst moment, after 30 s."""
    gpus = await place.host("node-1", AGGRESSIVE)
    await place.inject(gpus[BAD], KINDS[FaultKind.STUCK_RESULT][0])

    await place.passes(29)
    before = await blamed(place)
    await place.passes(1)

    assert before == set()
    assert await blamed(place) == {(gpus[BAD].uuid, 7, P.FMA)}


async def test_tensor_core_corruption_is_found_within_20_s_on_an_idle_gpu(place: Lab):
    """Aggressive schedule, 15 s on an idle GPU. On a busy one the period is 30 s: two of three within the budget."""
    gpus = await place.host("node-1", idle(AGGRESSIVE))
    await place.inject(gpus[BAD], KINDS[FaultKind.TENSOR_BIT][0])

    await place.passes(20)

    assert await blamed(place) == {(gpus[BAD].uuid, 3, P.TENSOR_CORE)}


async def test_memory_stuck_bit_takes_up_to_150_s_on_an_idle_gpu(place: Lab):
    """No documented schedule keeps the budget of 30 s: MEMORY runs every 300 s at most, on an idle GPU every 150 s, so
    a tenth or a fifth of all faults are found within 30 s. This one, at the worst moment, is found after 150 s."""
    gpus = await place.host("node-1", idle(AGGRESSIVE))
    await place.inject(gpus[BAD], KINDS[FaultKind.STUCK_MEMORY_BIT][0])

    await place.passes(149)
    before = await blamed(place)
    await place.passes(1)

    assert before == set()
    assert await blamed(place) == {(gpus[BAD].uuid, sm, P.MEMORY) for sm in range(16)}


async def test_memory_stuck_bit_is_found_within_30_s_where_memory_is_probed_every_30_s(place: Lab):
    gpus = await place.host("node-1", {**AGGRESSIVE, "MEMORY": Period(30)})
    await place.inject(gpus[BAD], KINDS[FaultKind.STUCK_MEMORY_BIT][0])

    await place.passes(30)

    assert await counts(place, gpus) == [set(), set(range(16)), set(), set()]


async def test_correlated_failure_makes_three_gpus_suspect_within_60_s_and_one_finding_after_90_s(place: Lab):
    """Each FMA on GPUs 0 to 2 of one host is wrong with a chance of 5 %. Two sweeps of the aggressive schedule, 60 s,
    make them SUSPECT. That the host is what they share is told when it has lasted for a minute, lest one host of a
    rollout be blamed: 30 s to the first sweep and 60 s more, beyond the budget of 60 s (75 s on an idle host)."""
    others = await place.host("node-1", AGGRESSIVE)
    gpus = await place.host("node-2", AGGRESSIVE, sms=64)
    began = place.now()
    for gpu in gpus[:3]:
        await place.inject(gpu, Fault(FaultKind.STUCK_RESULT, bit=20, share=0.05))

    await place.passes(60)
    stood = [await place.fleet.state(gpu) for gpu in (*gpus, *others)]
    await place.passes(30)

    assert stood == ["SUSPECT"] * 3 + ["HEALTHY"] * 5
    found = await node_correlated(place.fleet)
    assert found.time
    assert (found.time - began).total_seconds() <= 90
    assert found.correlation
    assert "node-2" in found.correlation.description
    assert await counts(place, [gpus[3], *others]) == [set()] * 5


async def node_correlated(fleet: Fleet) -> types.Event:
    """The first finding about a node that a follower hears."""
    async with asyncio.timeout(10), aclosing(fleet.clients["olga"].afollow_events()) as events:
        async for event in events:
            told = event.correlation
            if told and told.pattern_type is types.PatternType.NODE_CORRELATED:
                return event
    raise AssertionError("the gateway ended the stream")


async def test_a_fault_that_the_software_gpu_cannot_show_is_an_error_and_no_pass(place: Lab):
    gpus = await place.host("node-1", AGGRESSIVE)
    request = injecting.request_of(gpus[BAD], KINDS[FaultKind.NOISE][0])
    request.description = "a cosmic ray"
    await place.register.InjectFault(request, timeout=10)

    with pytest.raises(NotSimulated, match="a cosmic ray"):
        await place.passes(30)


async def test_a_cleared_fault_fails_nothing_any_more(place: Lab):
    gpus = await place.host("node-1", idle(AGGRESSIVE))
    fault = await place.inject(gpus[BAD], KINDS[FaultKind.STUCK_RESULT][0])

    await place.passes(15)
    await place.clear(fault)
    await place.passes(60)

    assert len(await place.failures()) == 1
