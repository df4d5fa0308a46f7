"""From samples to the gateway: monitors with real detectors report the right type on the right GPU, and nothing else.

Healthy data: logits and training steps that are alike from one to the next, with traffic that shifts, hard batches, a
loss that falls and a step of the learning rate.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice

import pytest
from tests.fleet_sentinel.conftest import agents_of, scenario_of, world_of
from tests.sentinel_acceptance.place import Fleet, gpus_of
from tests.sentinel_acceptance.software import Lab, anomalies, lab, report

from sentinel_fleet.sentinel.injecting import active
from sentinel_fleet.sentinel.moments import moments
from sentinel_fleet.sentinel.monitors.inference import InferenceMonitor
from sentinel_fleet.sentinel.monitors.training import TrainingMonitor
from sentinel_fleet.sentinel.monitors.workloads import logits, steps
from sentinel_fleet.sentinel.replica import Replica
from sentinel_fleet.sentinel.sending import send
from sentinel_fleet.sentinel.silicon.faults import Fault, FaultKind
from sentinel_fleet.sentinel.silicon.schedules import DEFAULT
from sentinel_gateway.app.loading import Groups
from sentinel_sdk import SentinelClient, types

pytestmark = pytest.mark.slow

RANKS = 4
A = types.AnomalyType
EXPECTED = {
    ("a", 0, "shifted_logits"): A.LOGIT_DRIFT,
    ("a", 1, "flat_logits"): A.ENTROPY_ANOMALY,
    ("a", 2, "coarse_logits"): A.KL_DIVERGENCE,
    ("a", 3, "nan_logits"): A.INVARIANT_VIOLATION,
    ("b", 0, "huge_gradient"): A.GRADIENT_NORM_SPIKE,
    ("b", 1, "wrong_loss"): A.LOSS_SPIKE,
    ("b", 2, "diverged_weights"): A.CROSS_RANK_DIVERGENCE,
    ("b", 3, "nan_gradient"): A.INVARIANT_VIOLATION,
}
"""The type each corruption is for; a spoilt distribution may show in several ways."""
SOUND = 4
SOURCES = {
    A.LOGIT_DRIFT: "INFERENCE_MONITOR",
    A.ENTROPY_ANOMALY: "INFERENCE_MONITOR",
    A.KL_DIVERGENCE: "INFERENCE_MONITOR",
    A.INVARIANT_VIOLATION: "INVARIANT_CHECKER",
}


@pytest.fixture
def groups() -> Groups:
    return {"testing": {"enabled": True}}


@pytest.fixture
async def place(fleet: Fleet) -> AsyncIterator[Lab]:
    async with lab(fleet) as opened:
        yield opened


async def watched(fleet: Fleet, samples: int, seed: int) -> None:
    """A healthy replica, and a healthy group of ranks, with their monitors."""
    gpus = gpus_of("node-1", RANKS)
    replica, group = InferenceMonitor(), TrainingMonitor(RANKS)
    for one in islice(logits(seed), samples):
        await report(fleet, gpus[0], replica.push(one))
    for number, ranks in enumerate(islice(steps(RANKS, seed), samples)):
        for rank, found in group.push(number, ranks):
            await report(fleet, gpus[rank], [found])


async def test_nothing_is_reported_of_fifteen_thousand_healthy_samples(fleet: Fleet):
    await watched(fleet, 15_000, 1)

    assert await anomalies(fleet) == []


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
async def test_nothing_is_reported_of_a_hundred_thousand_healthy_samples(fleet: Fleet, seed: int):
    await watched(fleet, 100_000, seed)

    assert await anomalies(fleet) == []


async def test_what_a_scenario_corrupts_is_reported_by_its_type_and_gpu(fleet: Fleet, tmp_path):
    told = [
        {"corrupts": {"node": f"${{{node}}}", "gpu": gpu, "what": what, "at": "-30s", "until": "-1s"}}
        for node, gpu, what in EXPECTED
    ]
    world = world_of(
        scenario_of(tmp_path, told, {"nodes": "${node}"}, fleet={"racks": 2, "nodes_per_rack": 2, "gpus_per_node": 5})
    )
    agents = agents_of(world)

    async def connect(_name: str) -> SentinelClient:
        return await SentinelClient.aconnect(f"127.0.0.1:{fleet.gateway.grpc_port}", tls_config=False, token="agent")

    await send(agents, moments(agents), connect)

    found = await anomalies(fleet)
    reported = {(one.gpu.uuid, one.anomaly_type) for one in found if one.gpu}
    wanted = {(world.fleet.gpu(str(world.names[node]), gpu).uuid, kind) for (node, gpu, _), kind in EXPECTED.items()}
    assert wanted <= reported
    assert {uuid for uuid, _ in reported} == {uuid for uuid, _ in wanted}
    assert all(one.source.name == SOURCES.get(one.anomaly_type, "TRAINING_MONITOR") for one in found)


async def test_gradual_degradation_is_reported_within_120_s(place: Lab):
    """Noise that grows by 10 % of each logit every ten seconds; the sibling on the host is sound. What shows is a wider
    distribution of logits: below some 40 % of noise it is within what healthy traffic does."""
    bad, sound = await place.host("node-1", DEFAULT, gpus=2)
    replicas = {gpu.uuid: Replica(gpu.uuid) for gpu in (bad, sound)}

    for tenths in range(1, 13):
        fault = await place.inject(bad, Fault(FaultKind.NOISE, stddev=tenths / 10))
        await seconds(place, replicas, (bad, sound), 10)
        await place.clear(fault)

    found = await place.anomalies()
    assert {one.gpu.uuid for one in found if one.gpu} == {bad.uuid}
    assert {one.anomaly_type for one in found} <= {A.LOGIT_DRIFT, A.ENTROPY_ANOMALY, A.KL_DIVERGENCE}
    assert (await place.fleet.health(sound)).anomaly_count == 0


async def test_a_byzantine_fault_is_reported_within_45_s(place: Lab):
    """XOR with 0x00800000, the lowest bit of the exponent: every logit is doubled or halved."""
    bad, sound = await place.host("node-1", DEFAULT, gpus=2)
    replicas = {gpu.uuid: Replica(gpu.uuid) for gpu in (bad, sound)}
    await place.inject(bad, Fault(FaultKind.REGISTER_XOR, bit=23))

    await seconds(place, replicas, (bad, sound), 45)

    found = await place.anomalies()
    assert {one.gpu.uuid for one in found if one.gpu} == {bad.uuid}
    assert (await place.fleet.health(bad)).anomaly_count == len(found)
    assert (await place.fleet.health(sound)).anomaly_count == 0


async def seconds(place: Lab, replicas, gpus, count: int) -> None:
    """Replicas work, with the faults that the register holds."""
    faults = await active(place.register)
    for _ in range(count):
        place.fleet.clock.sleep(1)
        for gpu in gpus:
            await report(place.fleet, gpu, replicas[gpu.uuid].second(faults.get(gpu.uuid, ())))
