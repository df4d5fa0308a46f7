"""Which events become triggers, and what a trigger says."""

from __future__ import annotations

from datetime import timedelta

from tests.watch_sentinel.event_gateway import (
    CONDEMNED,
    DEEP_TEST,
    HEALTHY,
    QUARANTINED,
    SUSPECT,
    T0,
    uuid,
)

from gcm_sentinel.domain.topology import SHARED_CAUSE
from gcm_sentinel.domain.trigger import FaultScope

WAITING, EXECUTED, DENIED = 1, 2, 3
SM_LOCALIZED, FIRMWARE_CORRELATED = 2, 5


async def test_a_healthy_fleet_is_nothing_to_tell(gateway, start):
    gateway.gpu(1)

    assert await (await start()).until_at(gateway) == []


async def test_a_worse_state_is_told_with_gpu_node_reason_and_time(gateway, start):
    gateway.gpu(1)
    agent = await start()
    await agent.until_at(gateway)

    gateway.becomes(1, SUSPECT, 3)
    await agent.until_at(gateway)

    (trigger,) = agent.told
    assert (trigger.source, trigger.node, trigger.gpu_uuid) == ("sentinel", "gpu-1", uuid(1))
    assert (trigger.kind, trigger.reason) == ("SentinelGpuState", "Suspect")
    assert trigger.transition_at == T0 + timedelta(minutes=3)
    assert "SM 57 failed in 4 sweeps" in trigger.message


async def test_each_worse_state_is_told_and_a_deep_test_goes_along(gateway, start):
    gateway.gpu(1)
    agent = await start()
    await agent.until_at(gateway)

    for minute, state in enumerate((SUSPECT, QUARANTINED, DEEP_TEST, CONDEMNED)):
        gateway.becomes(1, state, minute)

    assert [line.split()[-1] for line in await agent.until_at(gateway)] == ["Suspect", "Quarantined", "Condemned"]


async def test_healthy_again_ends_state_and_patterns_of_that_gpu_only(gateway, start):
    gateway.gpu(1)
    gateway.gpu(2)
    agent = await start()
    await agent.until_at(gateway)

    gateway.becomes(1, SUSPECT, 1)
    gateway.correlates(1, SM_LOCALIZED, 1)
    gateway.becomes(2, SUSPECT, 2)
    gateway.becomes(1, HEALTHY, 9, "100 probes passed since")
    await agent.until_at(gateway)

    ended = [(one.kind, one.gpu_uuid) for one in agent.told if one.status == "recovered"]
    assert ended == [("SentinelGpuState", uuid(1)), ("SentinelSmLocalized", uuid(1))]


async def test_a_pattern_of_many_gpus_is_left_to_the_shared_cause(gateway, start):
    agent = await start()
    await agent.until_at(gateway)

    gateway.correlates(None, FIRMWARE_CORRELATED)

    assert await agent.until_at(gateway) == []


async def test_a_directive_that_waits_is_told_until_it_is_decided(gateway, start):
    gateway.gpu(1)
    agent = await start()
    await agent.until_at(gateway)

    gateway.directs(1, WAITING, 1)
    gateway.directs(1, DENIED, 2)

    assert await agent.until_at(gateway) == [
        "gpu-1 SentinelDirectiveWaiting problem Condemn",
        "gpu-1 SentinelDirectiveWaiting recovered Decided",
    ]


async def test_a_directive_that_was_executed_is_quiet(gateway, start):
    gateway.gpu(1)
    agent = await start()
    await agent.until_at(gateway)

    gateway.directs(1, EXECUTED)

    assert await agent.until_at(gateway) == []


async def test_a_shared_cause_is_told_for_every_node_it_is_seen_on_and_lifted_there(gateway, start):
    for number, host in enumerate(("gpu-1", "gpu-2", "gpu-3")):
        gateway.gpu(number, host, failing=host != "gpu-3")
    agent = await start()
    await agent.until_at(gateway)

    gateway.shares("golden_answer", "NVIDIA H200", 1)
    raised = list(await agent.until_at(gateway))
    gateway.shares("golden_answer", "NVIDIA H200", 70, raised=False)

    kind = "SentinelSharedCause:golden_answer/NVIDIA H200/"
    assert raised == [f"gpu-1 {kind} problem GoldenAnswer", f"gpu-2 {kind} problem GoldenAnswer"]
    assert (await agent.until_at(gateway))[2:] == [f"gpu-1 {kind} recovered Lifted", f"gpu-2 {kind} recovered Lifted"]


async def test_a_shared_cause_names_the_probes_that_fail_for_it(gateway, start):
    gateway.gpu(1, failing=True)
    agent = await start()
    await agent.until_at(gateway)

    gateway.shares("golden_answer", "NVIDIA H200")
    await agent.until_at(gateway)

    (trigger,) = agent.told
    assert "4 of 8 GPUs fail TENSOR_CORE probes for one reason" in trigger.message


async def test_a_cause_seen_nowhere_is_told_all_the_same(gateway, start):
    agent = await start()
    await agent.until_at(gateway)

    gateway.shares("probe", "")

    assert (await agent.until_at(gateway))[0].startswith("unknown-host SentinelSharedCause:probe")


async def test_a_gpu_whose_agent_named_no_host_is_told(gateway, start):
    gateway.gpu(1, "")
    agent = await start()
    await agent.until_at(gateway)

    gateway.becomes(1, QUARANTINED)

    assert await agent.until_at(gateway) == ["unknown-host SentinelGpuState problem Quarantined"]


async def test_folding_is_told_which_nodes_share_a_cause_until_it_is_lifted(gateway, start):
    for number, host in enumerate(("gpu-1", "gpu-2")):
        gateway.gpu(number, host, failing=True, driver_version="580.2")
    agent = await start()
    for node in ("gpu-1", "gpu-2", "gpu-3"):
        agent.fleet.seen(node, {})
    await agent.until_at(gateway)

    gateway.shares("rollout", "driver 580.2", 1)
    await agent.until_at(gateway)
    during = dict(agent.fleet.view().size_of)
    gateway.shares("rollout", "driver 580.2", 70, raised=False)
    await agent.until_at(gateway)

    assert during == {FaultScope(SHARED_CAUSE, "rollout/driver 580.2/"): 2}
    assert agent.fleet.view().size_of == {}


async def test_folding_knows_the_shared_cause_after_a_restart(gateway, start):
    gateway.gpu(1, "gpu-1", failing=True)
    first = await start()
    await first.until_at(gateway)
    gateway.shares("probe", "")
    await first.until_at(gateway)
    await first.stop()

    second = await start()
    second.fleet.seen("gpu-1", {})
    await second.until_at(gateway)

    assert list(second.fleet.view().size_of) == [FaultScope(SHARED_CAUSE, "probe//")]


async def test_one_host_that_fails_is_no_group(gateway, start):
    gateway.gpu(1, "gpu-1", failing=True)
    agent = await start()
    agent.fleet.seen("gpu-1", {})
    await agent.until_at(gateway)

    gateway.shares("host", "gpu-1")

    assert await agent.until_at(gateway) == ["gpu-1 SentinelSharedCause:host/gpu-1/ problem Host"]
    assert agent.fleet.view().size_of == {}
