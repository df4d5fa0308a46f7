"""What the API server does not say is not known to be fine: an action whose rights are not known is a fault."""

from __future__ import annotations

import json
import time
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.cluster_sources.conftest import Faults, Logs

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.doctor import healthy
from gcm_sentinel.app.doctor_rights import examine_rights
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.app.wiring import Given, open_agent
from gcm_sentinel.domain.operations import JANITOR
from sentinel_fleet.kube import ObjectStore, Rules, kube_app, write_kubeconfig


@pytest.fixture
def rights(tmp_path):
    """What `doctor` finds of rights in `execute` where the API server fails for the requests that `fails` picks."""

    async def look(fails, *actions):
        @web.middleware
        async def failing(request, handler):
            if fails(request.path, await request.text()):
                return web.json_response({"kind": "Status", "code": 500, "message": "etcd is away"}, status=500)
            return await handler(request)

        app = kube_app(ObjectStore(), Logs(), Faults(), time.time, Rules())
        app.middlewares.append(failing)
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(TestServer(app))
            config = write_kubeconfig(str(server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")
            stores = await stack.enter_async_context(open_stores(IN_MEMORY, SystemClock()))
            flags = {"kubeconfig": config, "action_mode": "execute", "actions": actions}
            away = {"prometheus_url": "", "alertmanager_url": ""}
            agent = await stack.enter_async_context(open_agent(load({**flags, **away}), Given(stores=stores)))
            found = await examine_rights(agent)
        return {item.name: item for item in found}, healthy(found)

    return look


def asks_to_patch_nodes(path, body):
    asked = json.loads(body)["spec"]["resourceAttributes"] if path.endswith("selfsubjectaccessreviews") else {}
    return (asked.get("verb"), asked.get("resource")) == ("patch", "nodes")


async def test_a_right_of_an_action_that_is_not_known_is_a_fault(rights):
    found, well = await rights(asks_to_patch_nodes, "cordon_node")

    assert found["patch nodes"].fails
    assert "not known: " in found["patch nodes"].detail
    assert not well


@pytest.mark.parametrize(("action", "matters"), [("reboot_node", True), ("cordon_node", False)])
async def test_whether_maintenance_requests_are_served_is_not_guessed(rights, action, matters):
    found, well = await rights(lambda path, _: JANITOR in path, action)

    assert well is not matters
    assert ("maintenance requests" in found) is matters
    assert all(item.fails and action in item.detail for item in found.values() if not item.ok)
