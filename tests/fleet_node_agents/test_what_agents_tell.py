"""What the agents of a world say is what the world shows elsewhere: one truth on every wire."""

from __future__ import annotations

import time
from typing import Any

import grpc
import pytest
from tests.fleet_node_agents.conftest import Agents, Served

from sentinel.node.v1 import node_pb2 as pb
from sentinel_fleet.ports import LabelMatcher

WITHIN_S = 20.0
OFF_BUS = "NVRM: Xid (PCI:${gpu.pci}): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."


async def told(agents: Agents, method: str, request: Any, node: str = "") -> Any:
    """The answer, or all messages of a stream."""
    async with agents.ask(node) as stub:
        call = getattr(stub, method)(request, timeout=WITHIN_S, metadata=agents.metadata)
        return [message async for message in call] if hasattr(call, "__aiter__") else await call


async def refused(agents: Agents, method: str, request: Any, node: str = "") -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await told(agents, method, request, node)
    return str(caught.value.code().name)


async def samples(agents: Agents) -> dict[str, pb.GpuSample]:
    report = await told(agents, "ReadTelemetry", pb.TelemetryRequest())
    return {sample.gpu.uuid: sample for sample in report.samples}


def deep(agents: Agents, *, busy: bool) -> pb.ProbeRequest:
    return pb.ProbeRequest(
        kind=pb.PROBE_KIND_FMA, gpu_uuid=agents.uuid(busy=busy), depth=pb.PROBE_DEPTH_DEEP, sm_ids=[5]
    )


async def test_telemetry_is_what_the_exporter_shows(serve: Served):
    hot = {"metric": {"name": "DCGM_FI_DEV_GPU_TEMP", "node": "${node}", "gpu": "${gpu}", "set": 83, "noise": 0}}

    async with serve(facts=[hot]) as agents:
        sample = (await samples(agents))[agents.uuid(busy=True)]
        matchers = [
            LabelMatcher("__name__", "=", "DCGM_FI_DEV_POWER_USAGE"),
            LabelMatcher("UUID", "=", sample.gpu.uuid),
        ]
        now = time.time()
        scraped = [value for one in agents.world.series.select(matchers) for _, value in one.samples(now - 65, now)]

    assert sample.temperature_c == 83
    assert sample.power_w in scraped


async def test_a_dead_exporter_does_not_silence_the_driver(serve: Served):
    async with serve(facts=[{"metric": {"name": "*", "node": "${node}", "stop": True}}]) as agents:
        found = await samples(agents)

    assert all(sample.HasField("temperature_c") for sample in found.values())


async def test_a_gpu_off_the_bus_is_lost_and_takes_no_probe(serve: Served):
    lost = {"kernel": {"node": "${node}", "at": "-1m", "lines": [OFF_BUS]}}

    async with serve(facts=[lost]) as agents:
        found = await samples(agents)
        request = pb.ProbeRequest(kind=pb.PROBE_KIND_FMA, gpu_uuid=agents.uuid(busy=True))
        code = await refused(agents, "RunProbe", request)

    assert {uuid: bool(sample.lost) for uuid, sample in found.items()} == {
        agents.uuid(busy=True): True, agents.uuid(busy=False): False,
    }  # fmt: skip
    assert code == "UNAVAILABLE"


async def test_the_log_is_the_nodes_and_says_what_was_looked_through(serve: Served):
    facts = [
        {"boot": {"node": "${node}", "at": "-2h", "clean": False}},
        {"kernel": {"node": "${node}", "at": "-3h", "boot": -1, "lines": [OFF_BUS]}},
    ]

    async with serve(facts=facts) as agents:
        (page,) = await told(agents, "ReadKernelLog", pb.KernelLogRequest(contains=["xid"]))

    assert [(line.xid, line.is_off_bus, line.source) for line in page.records] == [(79, True, "journal")]
    assert len(page.coverage.boot_ids) == 2
    assert page.records[0].boot_id == page.coverage.boot_ids[0]


async def test_a_deep_probe_waits_for_the_pod_to_leave(serve: Served):
    async with serve(node_agents={"probes": "deep"}) as agents:
        before = await refused(agents, "RunProbe", deep(agents, busy=True))
        agents.gone |= {(one.namespace, one.pod) for one in agents.world.holders(agents.node, time.time())}
        after = await told(agents, "RunProbe", deep(agents, busy=True))

    assert before == "FAILED_PRECONDITION"
    assert after[-1].report.outcome == pb.PROBE_OUTCOME_PASS


async def test_a_fact_of_the_gateways_part_is_seen_by_probes_too(serve: Served):
    fail = {"node": "${node}", "gpu": "${gpu}", "sm": 5, "probes": "FMA", "at": "-30m", "share": 1.0, "bit": 9}

    async with serve(sentinel={"facts": [{"fail": fail}]}) as agents:
        request = pb.ProbeRequest(kind=pb.PROBE_KIND_FMA, gpu_uuid=agents.uuid(busy=True), variant="fp32")
        run = await told(agents, "RunProbe", request)

    wrong = [event.finding for event in run if event.finding.outcome == pb.PROBE_OUTCOME_FAIL]
    assert [(one.sm_id, list(one.mismatch.differing_bits)) for one in wrong] == [(5, [9])]


async def test_nodes_are_told_apart_by_their_addresses(serve: Served):
    async with serve() as agents:
        names = [node.name for node in agents.world.fleet.nodes]
        found = [(await told(agents, "DescribeNode", pb.DescribeNodeRequest(), name)).node_name for name in names]

    assert found == names


async def test_a_node_without_an_agent_refuses_the_connection(serve: Served):
    async with serve(node_agents={"nodes": "${node}"}) as agents:
        other = str(agents.world.names["other"])
        assert await refused(agents, "DescribeNode", pb.DescribeNodeRequest(), other) == "UNAVAILABLE"


HOW = {"refuse": "UNAVAILABLE", "403": "PERMISSION_DENIED", "503": "UNAVAILABLE"}


@pytest.mark.parametrize(("how", "code"), HOW.items(), ids=HOW.keys())
async def test_an_agent_may_be_out_of_order(serve: Served, how, code):
    async with serve(facts=[{"source": {"name": "node_agent", "node": "${node}", "how": how}}]) as agents:
        assert await refused(agents, "DescribeNode", pb.DescribeNodeRequest()) == code


async def test_a_silent_agent_lets_the_callers_deadline_pass(serve: Served):
    async with (
        serve(facts=[{"source": {"name": "node_agent", "node": "${node}", "how": "timeout"}}]) as agents,
        agents.ask() as stub,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.DescribeNode(pb.DescribeNodeRequest(), timeout=0.1, metadata=agents.metadata)

    assert caught.value.code().name == "DEADLINE_EXCEEDED"


async def test_a_part_may_be_missing_and_says_why(serve: Served):
    lacks = [{"node": "${node}", "parts": "probes", "missing": "CuPy is not installed"}]

    async with serve(node_agents={"lacks": lacks}) as agents:
        description = await told(agents, "DescribeNode", pb.DescribeNodeRequest())
        code = await refused(
            agents, "RunProbe", pb.ProbeRequest(kind=pb.PROBE_KIND_FMA, gpu_uuid=agents.uuid(busy=True))
        )

    assert {part.name: part.missing for part in description.parts if not part.is_available} == {
        "probes": "CuPy is not installed"
    }
    assert code == "UNAVAILABLE"


async def test_a_source_taken_away_is_gone_by_this_door_too(serve: Served):
    async with serve(facts=[{"source": {"name": "kernel_log", "how": "403"}}]) as agents:
        assert await refused(agents, "ReadKernelLog", pb.KernelLogRequest()) == "PERMISSION_DENIED"
