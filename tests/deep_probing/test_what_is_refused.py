"""Where no GPU is probed deep, and in which words that is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.deep_probe_source.machine import SIBLING, SUSPECT
from tests.deep_probing.conftest import GPU, HOT, PROBES
from tests.node_service.doubles import sample

from gcm_sentinel.clients.guarded_probes import GuardedProbes
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.deep_probing import probes_of
from gcm_sentinel.domain.errors import Refused, Unreachable
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.node_agent import ProbePermission
from gcm_sentinel.tools import run_deep_probe
from sentinel_node.domain.errors import Busy
from sentinel_node.domain.leases import Leases
from sentinel_node.domain.permission import Allowed

REFUSED = ActionState.REFUSED


async def planned(site, **arguments):
    """The words in which planning is refused."""
    with pytest.raises(ValueError, match=".") as refused:
        await site.plan(**arguments)
    return str(refused.value)


async def test_a_node_that_is_not_cordoned(site):
    site.drained(unschedulable=False)

    assert "drain first: node node-1 is not cordoned by us" in await planned(site)


async def test_a_node_that_somebody_else_cordoned(site):
    site.drained(unschedulable=False)
    site.drained(by="kubectl-cordon")

    assert "is not cordoned by us" in await planned(site)


async def test_a_node_on_which_a_pod_holds_a_gpu(site):
    site.put_pod()

    assert "drain first: 1 pods with GPUs run on node-1 (ml/train-0)" in await planned(site)


async def test_a_gpu_in_mig_mode(site, given):
    given.telemetry.given = (sample(replace(SUSPECT, is_partitioned=True)), sample(SIBLING))

    assert f"MIG is on for GPU {GPU}" in await planned(site)


async def test_a_gpu_that_its_node_does_not_know(site, given):
    given.telemetry.given = (sample(SIBLING),)

    assert f"knows no GPU {GPU}; there are: {SIBLING.uuid}" in await planned(site)


async def test_a_gpu_that_the_incident_is_not_about(site):
    incident = await site.given_incident()
    elsewhere = replace(incident, triggers=(replace(incident.triggers[0], node="gpu-node-2"),), nodes=("gpu-node-2",))

    assert "which this incident is not about" in await planned(site, incident=elsewhere)


class TestANodeThatAllowsLess:
    """The node's own bound is the stricter one."""

    @pytest.fixture
    def given(self, given):
        given.allowed = Allowed.LIGHT
        return given

    async def test_lets_no_deep_probe_be_planned(self, site):
        assert "node node-1 lets no deep probe run: its agent's setting probes is light" in await planned(site)


async def test_a_node_whose_agent_does_not_answer(site):
    async def nowhere(_node):
        return "127.0.0.1"

    site.agents = NodeAgents(NodeAccess("{node_ip}:1", ip_of=nowhere))

    with pytest.raises(Unreachable, match="agent on node 'node-1'"):
        await site.plan()


@pytest.mark.parametrize("may_ask", [ProbePermission.OFF, ProbePermission.LIGHT])
async def test_where_deep_probes_are_not_allowed_nobody_is_offered_the_tool(site, may_ask):
    assert run_deep_probe.build(replace(site.context, probes=may_ask)) is None


async def test_without_node_agents_nobody_is_offered_the_tool(site):
    assert run_deep_probe.build(replace(site.context, node_agents=None)) is None


@pytest.mark.parametrize("mode", [Mode.RECOMMEND, Mode.ANNOTATE])
async def test_the_guard_lets_no_probe_of_an_order_through(site, bench, mode):
    probe = probes_of(GPU, 1, site.limits)[0]

    with pytest.raises(Refused, match=f"mode {mode} does not permit remediate"):
        await GuardedProbes(site.agents, mode).run_probe("node-1", probe)

    assert bench.ran == []


async def test_a_gpu_on_which_somebody_computes_is_left_alone_in_the_nodes_words(site, given, bench):
    given.telemetry.given = (sample(SUSPECT, compute_processes=(4711,)), sample(SIBLING))

    ended = await site.probed()

    assert (ended.state, bench.ran) == (REFUSED, [])
    assert "4711" in ended.note


async def test_a_gpu_that_another_probe_holds_all_the_time_may_be_ordered_again(site, given, bench):
    given.leases.take(GPU, "the schedule (fma, light)")

    ended = await site.probed()

    assert (ended.state, bench.ran) == (REFUSED, [])
    assert "nothing was run" in ended.note
    assert "the schedule" in ended.note


class HeldOnce(Leases):
    """Another probe holds the GPU when it is asked for first."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def take(self, gpu_uuid, holder):
        self.asked += 1
        if self.asked == 1:
            raise Busy("GPU is held by the schedule (fma, light)")
        super().take(gpu_uuid, holder)


class TestAGpuThatIsHeldForAMoment:
    """The schedule probes it, or a probe that a dead process of ours has left behind."""

    @pytest.fixture
    def given(self, given):
        given.leases = HeldOnce()
        return given

    @pytest.mark.slow
    async def test_is_waited_for(self, site, bench):
        ended = await site.probed()

        assert ended.state is ActionState.DONE
        assert len(bench.ran) == len((*PROBES, *HOT))
