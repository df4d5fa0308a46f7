"""`doctor` and the agents on GPU nodes: how they are reached, what one lacks, and whether we may ask for probes."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import structlog
from aiohttp.test_utils import TestServer
from tests.cluster_sources.conftest import Faults, Logs
from tests.deep_probe_source.conftest import SCOPE
from tests.node_service.conftest import Given, serving
from tests.node_service.doubles import RULES

from gcm_sentinel.app.doctor_node_agents import examine_node_agents
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.wiring import Agent, open_agent
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.node_agent import ProbePermission
from gcm_sentinel.domain.transcript import ToolCall
from sentinel_fleet.kube import ObjectStore, Rules, kube_app, write_kubeconfig
from sentinel_node.domain.permission import Allowed

LIGHT, DEEP = ProbePermission.LIGHT, ProbePermission.DEEP
NOWHERE = "{node_ip}:1"


@pytest.fixture(autouse=True)
def _alone(monkeypatch) -> None:
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


def node(name: str = "node-1", *, gpus: str = "8", addresses: tuple[dict[str, str], ...] = ()) -> dict[str, object]:
    told = addresses or ({"type": "Hostname", "address": name}, {"type": "InternalIP", "address": "127.0.0.1"})
    status = {
        "addresses": list(told),
        "capacity": {"nvidia.com/gpu": gpus},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}


@pytest.fixture
def opened(tmp_path):
    """An agent on a cluster with these nodes, whose node agents are at `address`."""

    @asynccontextmanager
    async def open_it(address: str, *nodes: dict[str, object], **flags: object) -> AsyncIterator[Agent]:
        store = ObjectStore()
        for one in nodes or (node(),):
            store.put(one)
        async with AsyncExitStack() as stack:
            app = kube_app(store, Logs(), Faults(), time.time, Rules())
            server = await stack.enter_async_context(TestServer(app))
            config = write_kubeconfig(str(server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")
            away = {"kubeconfig": config, "prometheus_url": "", "alertmanager_url": "", "llm_api": "playbook"}
            yield await stack.enter_async_context(open_agent(load({**away, "node_agent_address": address, **flags})))

    return open_it


@pytest.fixture
def examined(opened):
    """What `doctor` finds of a test's node, by name."""

    async def look(given: Given, wanted: ProbePermission = LIGHT, *nodes: dict[str, object], **flags: object):
        async with serving(given) as port, opened(f"{{node_ip}}:{port}", *nodes, **flags) as agent:
            found = await examine_node_agents(agent.node_agents, agent.kubernetes, wanted)
        return {finding.name: finding for finding in found}

    return look


async def test_a_node_that_answers_is_well_and_no_probe_ran(examined):
    given = Given()

    found = await examined(given, DEEP)

    assert [(name, finding.ok) for name, finding in found.items()] == [
        ("reach", True), ("parts", True), ("readings", True), ("probes", True),
    ]  # fmt: skip
    assert "node-1" in found["reach"].detail
    assert given.prober.plans == []


async def test_what_is_missing_there_is_named(examined):
    found = await examined(Given(kernel_log=None))

    assert (found["parts"].ok, found["parts"].fails) == (False, False)
    assert "there is no kernel_log here" in found["parts"].detail


async def test_a_node_that_lets_less_run_than_is_wanted_is_told(examined):
    found = await examined(Given(allowed=Allowed.LIGHT), DEEP)

    assert not found["probes"].ok
    assert "`probes: deep`" in found["probes"].remedy


async def test_probes_that_nobody_wants_are_not_looked_at(examined):
    found = await examined(Given(allowed=Allowed.OFF), ProbePermission.OFF)

    assert "GCM_SENTINEL_PROBES=off" in found["probes"].detail


async def test_who_is_unknown_there_is_told_as_broken(examined):
    found = await examined(Given(rules=RULES))

    assert any(finding.fails for finding in found.values())


async def test_a_reader_that_may_not_probe_is_told_the_role(examined):
    found = await examined(Given(rules=RULES), node_agent_token="ada's")

    assert [name for name, finding in found.items() if finding.fails] == ["probes"]
    assert "`prober`" in found["probes"].remedy


async def test_a_prober_that_may_not_read_is_told_the_role(examined):
    found = await examined(Given(rules=RULES), node_agent_token="robot's")

    assert [name for name, finding in found.items() if finding.fails] == ["readings"]
    assert "`reader`" in found["readings"].remedy
    assert "before a reset" in found["readings"].detail


async def test_a_node_without_checks_is_told_without_failing(examined):
    found = await examined(Given(diagnostics=None))

    assert (found["readings"].ok, found["readings"].fails) == (False, False)


async def test_a_node_that_does_not_answer_is_broken_with_what_to_do(opened):
    async with opened(NOWHERE) as agent:
        (found,) = await examine_node_agents(agent.node_agents, agent.kubernetes, LIGHT)

    assert found.fails
    assert "GCM_SENTINEL_NODE_AGENT_ADDRESS" in found.remedy


async def test_a_node_without_an_address_is_broken(examined):
    found = await examined(Given(), LIGHT, node(addresses=({"type": "Hostname", "address": "node-1"},)))

    assert "InternalIP" in found["reach"].detail


async def test_a_cluster_without_gpu_nodes_has_nobody_to_ask(opened):
    async with opened(NOWHERE, node(gpus="0")) as agent:
        (found,) = await examine_node_agents(agent.node_agents, agent.kubernetes, LIGHT)

    assert found.ok
    assert "no ready node" in found.detail


async def test_without_an_address_there_is_nothing_to_say_and_no_tool(opened):
    async with opened("") as agent:
        assert await examine_node_agents(agent.node_agents, agent.kubernetes, LIGHT) == ()
        (source,) = [source for source in agent.sources if source.name == "deep_probe"]
        assert source.get_tools() == ()


async def test_the_source_finds_a_node_by_its_internal_address(opened):
    async with serving(Given()) as port, opened(f"{{node_ip}}:{port}") as agent:
        (source,) = [source for source in agent.sources if source.name == "deep_probe"]
        result = await source.execute(ToolCall("c1", "describe_gpu_node", {}), SCOPE)

    assert result.status is ResultStatus.OK
    assert result.summary["we_may_ask"] == "light"
