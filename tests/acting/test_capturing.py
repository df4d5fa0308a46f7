"""What destroys evidence is preceded by capturing it: read, stored with the investigation, then asked for and done."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from tests.acting.conftest import action, decision, question, until
from tests.acting.test_draining import put_pod
from tests.node_service.conftest import Given, serving
from tests.node_service.doubles import BOOT

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.transcript import SUBMIT_TOOL
from gcm_sentinel.llm.scripted import calling
from sentinel_fleet.kube import JANITOR
from sentinel_node.service.node_service import Node

pytestmark = pytest.mark.slow

DONE = ActionState.DONE


def drained(site):
    store = site.fleet.store
    for pod in store.list("pods", fields=f"spec.nodeName={site.node}"):
        store.delete("pods", pod["metadata"]["name"], namespace=pod["metadata"]["namespace"])
    found = store.get("nodes", site.node)
    store.put({**found, "spec": {**found["spec"], "unschedulable": True}}, manager="gcm-sentinel")


def reboots(site, *actions):
    """A model that looks, proposes to reboot the node, which we have drained before, and advises it."""
    drained(site)
    ask = calling(("reboot_node", {"node_name": site.node, "reason": "the bus is gone"}))
    return site.model(ask, calling((SUBMIT_TOOL, site.verdict(*actions or ("reboot",)))))


async def captured(stores, record):
    return [item for item in await stores.evidence.all(record.order.investigation_id) if item.id.startswith("C")]


async def play_janitor(site):
    """Wait for the one request, then do what it asks: the node comes back in another boot, without its condition."""

    async def asked():
        return site.fleet.store.list("rebootnodes")

    (request,) = await until(asked)
    node = site.fleet.store.get("nodes", site.node)
    status = {**node["status"], "nodeInfo": {**node["status"]["nodeInfo"], "bootID": "another"}}
    status["conditions"] = [one for one in status["conditions"] if one["type"] != "GcmXidErrorsProblem"]
    site.fleet.store.put({**node, "status": status}, manager="kubelet")
    states = [{"type": kind, "status": "True"} for kind in ("SignalSent", "NodeReady")]
    site.fleet.store.put({**request, "status": {"conditions": states}}, manager="janitor")


async def test_a_reboot_is_captured_asked_of_the_janitor_and_seen_through(site):
    site.fleet.store.install(JANITOR)

    async with site.serving("execute", reboots(site)) as stores:
        await play_janitor(site)
        record = await action(stores, DONE)
        kept = await captured(stores, record)

    assert record.note == f"node {site.node} booted (another) and is Ready"
    assert site.writes == ["POST /apis/janitor.dgxc.nvidia.com/v1alpha1/rebootnodes"]
    assert [item.id.partition("-")[2] for item in kept] == [str(number) for number in range(1, len(kept) + 1)]
    assert {"get_node_info", "get_node_events", "read_kernel_log"} <= {item.tool for item in kept}


async def test_it_is_captured_before_a_person_is_asked_and_again_before_it_is_done(site):
    site.fleet.store.install(JANITOR)

    async with site.serving("approve", reboots(site)) as stores:
        asked = await question(stores)
        (record,) = await stores.actions.in_state(ActionState.WAITING)
        before = await captured(stores, record)
        await stores.approvals.decide(asked.id, decision(asked))
        await play_janitor(site)
        kept = await captured(stores, await action(stores, DONE))

    assert len(before) > 1
    assert len(kept) == 2 * len(before)
    assert all(first.observed_at <= again.observed_at for first in before for again in kept[len(before) :])


@dataclass
class NamedNode(Given):
    """A node with an agent of its own, called as the test's sick one."""

    name: str = ""

    def machine(self):
        return replace(super().machine(), node=Node(self.name, "1.2.3", BOOT))


def addressed(site, address):
    """Kubernetes tells this address of the sick node."""
    found = site.fleet.store.get("nodes", site.node)
    status = {**found["status"], "addresses": [{"type": "InternalIP", "address": address}]}
    site.fleet.store.put({**found, "status": status}, manager="kubelet")


async def test_the_nodes_own_agent_saves_what_it_has_and_no_engine_is_offered_its_tool(site):
    site.fleet.store.install(JANITOR)
    model = reboots(site)
    addressed(site, "127.0.0.1")

    async with (
        serving(NamedNode(name=site.node)) as port,
        site.serving("execute", model, node_agent_address=f"{{node_ip}}:{port}") as stores,
    ):
        await play_janitor(site)
        kept = {item.tool: item.result for item in await captured(stores, await action(stores, DONE))}

    assert '"xid": 79' in kept["capture_node_evidence"].raw
    assert kept["capture_node_evidence"].summary["node"] == site.node
    assert "capture_node_evidence" not in {spec.name for spec in model.asked[0][1]}


async def test_what_destroys_nothing_is_not_captured(site):
    async with site.serving("execute", site.cordons()) as stores:
        assert await captured(stores, await action(stores, DONE)) == []


@pytest.mark.parametrize("tool", ["quarantine_gpu", "condemn_gpu", "schedule_deep_test"])
async def test_without_a_gateway_no_engine_is_offered_its_tools(site, tool):
    model = site.cordons()

    async with site.serving("execute", model) as stores:
        await action(stores, DONE)

    assert tool not in {spec.name for spec in model.asked[0][1]}


async def test_a_reboot_asked_for_beside_a_drain_goes_no_further(site):
    site.fleet.store.install(JANITOR)
    put_pod(site, "web-1")
    asked = {"node_name": site.node, "reason": "the bus is gone"}
    ask = calling(("drain_node", asked), ("reboot_node", asked))
    model = site.model(ask, calling((SUBMIT_TOOL, site.verdict("drain", "reboot"))))

    async with site.serving("execute", model) as stores:
        await action(stores, DONE)
        operations = [record.order.operation for record in await stores.actions.in_state(*ActionState)]

    assert operations == ["drain_node"]
    assert site.fleet.store.list("rebootnodes") == []
