"""5,000 nodes with 8 GPUs each: served over the real protocols, and one lost GPU among them still found."""

from __future__ import annotations

import time

import pytest

from gcm_sentinel.app.investigate import Request, investigate
from gcm_sentinel.app.simulated import settings_for
from gcm_sentinel.app.wiring import open_agent
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.evals.expectation import parse
from sentinel_fleet.scenario import load
from sentinel_fleet.serve import serve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOST = """
schema: gcm-sentinel/scenario/v1
id: large
title: One GPU of forty thousand
section: A
draw: {node: {node: {}}, gpu: {gpu: {of: node}}}
fleet: {racks: 625, nodes_per_rack: 8, history: 6h}
facts:
  - kernel:
      node: "${node}"
      at: -60s
      lines: ["NVRM: Xid (PCI:${gpu.pci}): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."]
  - metric: {name: "*", node: "${node}", gpu: "${gpu}", at: -58s, stop: true}
  - condition: {node: "${node}", at: 0s, type: GpuCount, status: "True", reason: Bad, message: "GPU count bad 7/8"}
trigger: {node: "${node}", condition: GpuCount}
expect:
  fault_class: [gpu_off_bus]
  severity: [critical]
  entities: [{kind: gpu, node: "${node}", uuid: "${gpu.uuid}"}]
"""


@pytest.fixture
async def large(tmp_path):
    """The world, served."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(LOST)
    world = load(folder / "scenario.yaml").realise(1, anchor=time.time())
    async with serve(world) as fleet:
        yield fleet


async def test_serves_every_node_and_gpu_and_lets_the_agent_find_the_lost_one(large):
    async with open_agent(settings_for(large, large.world, "playbook")) as agent:
        nodes, _ = await agent.kubernetes.list("/api/v1/nodes")
        closed = await investigate(agent, Request(large.world.trigger.node), publish=False)

    draft = closed.investigation.assessment.draft
    (lost,) = parse(large.world.expect, where="large").entities
    assert len(nodes) == 5000
    assert draft.fault_class is FaultClass.GPU_OFF_BUS
    assert [entity.uuid for entity in draft.entities if entity.uuid] == [lost.uuid]
