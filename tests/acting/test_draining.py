"""A drain from the proposal to the empty node, over the real protocols: what was approved goes, and nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.acting.conftest import Site, action, assessed, decision, question, replies, until

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.effects import MAINTENANCE_REQUEST
from gcm_sentinel.domain.transcript import SUBMIT_TOOL
from gcm_sentinel.llm.playbook.model import PlaybookModel
from gcm_sentinel.llm.scripted import calling
from sentinel_fleet.scenario import load
from sentinel_fleet.serve import serve

DONE = ActionState.DONE


def put_pod(site, name, **spec):
    owner = {"kind": "ReplicaSet", "name": "web", "uid": "uid-web", "controller": True}
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "ownerReferences": [owner]}
    whole = {"nodeName": site.node, "containers": [{"name": "main"}], **spec}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    site.fleet.store.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": whole, "status": status})


def there(site):
    """Names of the node's pods that are no DaemonSet's."""
    found = site.fleet.store.list("pods", fields=f"spec.nodeName={site.node}")
    return [
        item["metadata"]["name"]
        for item in found
        if all(owner["kind"] != "DaemonSet" for owner in item["metadata"].get("ownerReferences", []))
    ]


def drains(site):
    ask = {"node_name": site.node, "reason": "a GPU is off the bus"}
    return site.model(calling(("drain_node", ask)), calling((SUBMIT_TOOL, site.verdict("drain"))))


async def test_an_approved_drain_cordons_evicts_and_is_seen_through(site):
    before = there(site)
    put_pod(site, "web-1")

    async with site.serving("approve", drains(site)) as stores:
        asked = await question(stores)
        assert site.writes == []
        await stores.approvals.decide(asked.id, decision(asked))
        record = await action(stores, DONE)

    assert site.cordoned == [site.node]
    assert site.writes[0] == f"PATCH /api/v1/nodes/{site.node}"
    assert "POST /api/v1/namespaces/default/pods/web-1/eviction" in site.writes
    assert not {*before, "web-1"} & set(there(site))
    assert f"node {site.node} is cordoned, and none of the pods that were to leave is left" in record.note


@pytest.mark.slow
async def test_a_pod_that_came_before_the_approval_stays_and_is_told(site):
    put_pod(site, "web-1")

    async with site.serving("approve", drains(site)) as stores:
        asked = await question(stores)
        put_pod(site, "late-1")
        await stores.approvals.decide(asked.id, decision(asked))
        record = await action(stores, DONE)

    assert there(site) == ["late-1"]
    assert record.result["left"] == [
        "default/late-1: it came after the drain was planned, and was not in what was approved"
    ]


async def test_the_engine_reads_what_would_go_and_what_stays(site):
    put_pod(site, "web-1")
    put_pod(site, "scratch-1", volumes=[{"name": "scratch", "emptyDir": {}}])
    model = drains(site)

    async with site.serving("approve", model) as stores:
        await assessed(stores)

    [told] = replies(model, "drain_node")
    assert "POST /api/v1/namespaces/default/pods/web-1/eviction" in told
    assert "default/scratch-1: it would lose what lies in its emptyDir scratch" in told
    assert "ReplicaSet/web" in told


async def test_a_taint_is_put_and_seen_through(site):
    taint = {"key": "gcm-sentinel/unfit", "value": "xid-79", "effect": "NoSchedule"}
    ask = {"node_name": site.node, "reason": "a GPU is off the bus", **taint}
    model = site.model(calling(("taint_node", ask)), calling((SUBMIT_TOOL, site.verdict("taint"))))
    others = site.fleet.store.get("nodes", site.node)["spec"].get("taints", [])

    async with site.serving("execute", model) as stores:
        await action(stores, DONE)

    assert site.fleet.store.get("nodes", site.node)["spec"]["taints"] == [*others, taint]
    [patch] = [
        item for item in site.fleet.requests if item.path == f"/api/v1/nodes/{site.node}" and "taints" in item.body
    ]
    assert [operation["op"] for operation in json.loads(patch.body)] == ["test", "replace", "add"]


@pytest.mark.slow
async def test_a_drain_that_is_done_leads_to_the_reboot_that_had_to_wait_for_it(site):
    about = {"node_name": site.node, "reason": "a GPU is off the bus"}
    verdict = calling((SUBMIT_TOOL, site.verdict("drain", "reboot")))
    again = [calling(("get_node_info", {"node_name": site.node})), calling(("reboot_node", about)), verdict]
    model = site.model(calling(("drain_node", about)), verdict, *again)

    async def asked_for():
        return MAINTENANCE_REQUEST in site.fleet.store.get("nodes", site.node)["metadata"].get("annotations", {})

    async with site.serving("execute", model) as stores:
        drain = await action(stores, DONE)
        await until(asked_for)
        [reboot] = await stores.actions.in_state(ActionState.RUNNING, ActionState.CARRIED)
        view = await stores.incidents.get(drain.order.incident_id)

    assert (str(reboot.order.operation), reboot.order.incident_id) == ("reboot_node", drain.order.incident_id)
    assert [request.by for request in view.requests] == [f"gcm-sentinel, after {drain.id}"]


@pytest.mark.slow
async def test_the_playbook_reaches_the_reset_that_its_drain_was_for(tmp_path):
    world = load(Path("evals/scenarios/gsp-one-gpu/scenario.yaml")).realise(1, anchor=time.time())
    async with serve(world) as fleet:
        site, flags = Site(fleet, f"sqlite:///{tmp_path}/incidents.db"), {"prometheus_url": fleet.prometheus_url}
        async with site.serving("approve", PlaybookModel(), node_allowlist=(site.node,), **flags) as stores:
            asked = await question(stores)
            await stores.approvals.decide(asked.id, decision(asked))
            drain = await action(stores, DONE)
            reset = await action(stores, ActionState.WAITING)

    assert [str(one.order.operation) for one in (drain, reset)] == ["drain_node", "reset_gpu"]
    assert reset.order.incident_id == drain.order.incident_id
