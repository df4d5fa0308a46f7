"""`doctor` says in an acting mode which rights the offered actions lack, and that they are a fault."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import pytest
from aiohttp.test_utils import TestServer
from tests.cluster_sources.conftest import Faults, Logs

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.doctor import examine, healthy
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.app.wiring import Given, open_agent
from gcm_sentinel.domain.operations import JANITOR
from sentinel_fleet.kube import Deny, ObjectStore, Rules, kube_app, write_kubeconfig

NO_PATCH = Deny(verbs=("patch",), resources=("nodes",))


@pytest.fixture
def rights(tmp_path):
    """What `doctor` finds of rights: those in order, those lacking as a fault."""

    async def look(mode, *deny, installed=(), **settings):
        async with AsyncExitStack() as stack:
            store = ObjectStore()
            for group in installed:
                store.install(group)
            app = kube_app(store, Logs(), Faults(), time.time, Rules(deny=deny))
            server = await stack.enter_async_context(TestServer(app))
            config = write_kubeconfig(str(server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")
            stores = await stack.enter_async_context(open_stores(IN_MEMORY, SystemClock()))
            flags = {
                "kubeconfig": config,
                "action_mode": mode,
                "prometheus_url": "",
                "alertmanager_url": "",
                **settings,
            }
            agent = await stack.enter_async_context(open_agent(load(flags), Given(stores=stores)))
            findings = [item for item in await examine(agent) if item.area == "rbac"]
        return {item.name: item for item in findings}, healthy(findings)

    return look


async def test_a_right_that_an_action_needs_and_lacks_is_a_fault(rights):
    found, well = await rights("execute", NO_PATCH, actions=("cordon_node",))

    assert found["patch nodes"].fails
    assert "cordon_node" in found["patch nodes"].detail
    assert not well


async def test_with_its_rights_all_is_well(rights):
    _, well = await rights("execute", actions=("cordon_node",))

    assert well


async def test_each_missing_verb_is_a_line_that_says_which_actions_fail(rights):
    no_evictions = Deny(verbs=("create",), resources=("pods/eviction",))

    found, _ = await rights("approve", NO_PATCH, no_evictions)

    assert {name for name, item in found.items() if item.broken} >= {"patch nodes", "create pods/eviction"}
    assert found["create pods/eviction"].detail == (
        "not allowed; without it these actions fail: drain_node, restart_pod"
    )
    assert "GCM_SENTINEL_ACTIONS" in found["create pods/eviction"].remedy


@pytest.mark.parametrize("installed", [True, False])
async def test_maintenance_requests_need_rights_where_they_are_served(rights, installed):
    no_requests = Deny(resources=("rebootnodes",))

    found, _ = await rights("execute", no_requests, installed=(JANITOR,) if installed else (), actions=("reboot_node",))

    assert ("create rebootnodes" in found) is installed
    assert any(item.fails and "reboot_node" in item.detail for item in found.values()) is installed


async def test_what_the_operator_switched_off_needs_no_rights(rights):
    found, _ = await rights("execute", NO_PATCH, actions=("drain_node",))

    assert "cordon_node" not in found["patch nodes"].detail


@pytest.mark.parametrize("mode", ["recommend", "annotate"])
async def test_modes_that_do_not_act_need_no_such_rights(rights, mode):
    found, _ = await rights(mode, NO_PATCH)

    assert not any("eviction" in name for name in found)
    assert not any(item.fails for item in found.values())
