"""What monitors report arrives with the GPU it is about and its type, and weighs less than a failing probe.

Here the monitors are hosts that use the client library's anomaly stream, as the monitors of a node do. That detectors
stay silent on healthy data (a hundred thousand samples) is theirs to show: no detector is part of a gateway.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.sentinel_acceptance.place import Agent, Fleet

from sentinel_sdk import types
from sentinel_sdk.ingest_awaiting import AsyncIngestStream

pytestmark = pytest.mark.slow

KINDS = {
    types.AnomalyType.LOGIT_DRIFT: types.AnomalySource.INFERENCE_MONITOR,
    types.AnomalyType.ENTROPY_ANOMALY: types.AnomalySource.INFERENCE_MONITOR,
    types.AnomalyType.KL_DIVERGENCE: types.AnomalySource.INFERENCE_MONITOR,
    types.AnomalyType.GRADIENT_NORM_SPIKE: types.AnomalySource.TRAINING_MONITOR,
    types.AnomalyType.LOSS_SPIKE: types.AnomalySource.TRAINING_MONITOR,
    types.AnomalyType.CROSS_RANK_DIVERGENCE: types.AnomalySource.TRAINING_MONITOR,
    types.AnomalyType.CHECKPOINT_DIVERGENCE: types.AnomalySource.TRAINING_MONITOR,
    types.AnomalyType.INVARIANT_VIOLATION: types.AnomalySource.INVARIANT_CHECKER,
}
BAD, DEAD = 1, 5
Stream = AsyncIngestStream[types.AnomalyBatch, types.AnomalyAck]


@pytest.fixture
async def agent(fleet: Fleet) -> Agent:
    """A host whose probes pass."""
    agent = await fleet.host()
    await agent.sweep()
    return agent


@pytest.fixture
async def monitor(fleet: Fleet) -> AsyncIterator[Stream]:
    async with fleet.clients["agent"].aanomaly_stream("node-1") as stream:
        yield stream


def anomaly(agent: Agent, kind: types.AnomalyType, number: int = 0) -> types.AnomalyEvent:
    """A monitor noticed something on the second GPU."""
    return types.AnomalyEvent(
        event_id=f"{kind.name}-{number}",
        anomaly_type=kind,
        source=KINDS[kind],
        gpu=agent.gpus[BAD],
        severity=types.Severity.HIGH,
        score=6.5,
        threshold=4.0,
        timestamp=agent.now(),
    )


async def test_every_type_arrives_with_its_gpu_and_is_on_record(fleet: Fleet, agent: Agent, monitor: Stream):
    ack = await monitor.send([anomaly(agent, kind) for kind in KINDS])

    assert (ack.accepted, ack.rejection_reason) == (True, "")
    assert (await fleet.health(agent.gpus[BAD])).anomaly_count == len(KINDS)
    assert (await fleet.health(agent.gpus[0])).anomaly_count == 0
    wanted = types.AuditQueryFilters(entry_type=types.AuditEntryType.ANOMALY_EVENT)
    entries = [entry async for entry in fleet.clients["ann"].aiter_audit_trail(wanted)]
    assert {entry.gpu.uuid for entry in entries if entry.gpu} == {agent.gpus[BAD].uuid}
    assert len(entries) == len(KINDS)


async def test_anomalies_alone_make_a_gpu_suspect_and_never_take_it_out(fleet: Fleet, agent: Agent, monitor: Stream):
    for number in range(40):
        await monitor.send([anomaly(agent, types.AnomalyType.LOGIT_DRIFT, number)])
        await fleet.passes()

    assert await fleet.states(agent.gpus[BAD]) == ["SUSPECT"]
    assert await fleet.directives(agent.gpus[BAD]) == []


async def test_with_failing_probes_they_are_one_finding(fleet: Fleet, agent: Agent, monitor: Stream):
    await agent.sweep({(BAD, DEAD)})

    await monitor.send([anomaly(agent, types.AnomalyType.CROSS_RANK_DIVERGENCE)])

    findings = (await fleet.history(agent.gpus[BAD])).correlations
    (found,) = [one for one in findings if one.pattern_type is types.PatternType.MULTI_SIGNAL]
    assert "CROSS_RANK_DIVERGENCE-0" in found.events_correlated
    assert len(found.events_correlated) == 2
    assert found.attributed_sm
    assert found.attributed_sm.sm_id == DEAD


async def test_a_fleet_whose_probes_pass_is_told_of_nothing(fleet: Fleet, agent: Agent):
    for _ in range(60):
        await agent.sweep()
        await fleet.passes()

    assert [await fleet.states(gpu) for gpu in agent.gpus] == [[]] * 4
    assert [(await fleet.history(gpu)).correlations for gpu in agent.gpus] == [[]] * 4
