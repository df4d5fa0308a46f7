"""NVSentinel's maintenance requests are served once somebody has installed their group, and not before."""

from __future__ import annotations

import time

import aiohttp
import pytest

from sentinel_fleet.kube import JANITOR
from sentinel_fleet.scenario import load
from sentinel_fleet.serve import serve

PATH = f"/apis/{JANITOR}/v1alpha1"
REBOOT = {
    "apiVersion": f"{JANITOR}/v1alpha1",
    "kind": "RebootNode",
    "metadata": {"name": "r1"},
    "spec": {"nodeName": "n1", "force": False},
}

SCENARIO = """
schema: gcm-sentinel/scenario/v1
id: janitor
title: One bad condition
section: A
draw:
  node: {{node: {{}}}}
fleet: {fleet}
facts:
  - condition: {{node: "${{node}}", at: 0s, type: GpuXid, status: "True", reason: R, message: M}}
trigger: {{node: "${{node}}", condition: GpuXid}}
expect:
  fault_class: [gpu_off_bus]
  severity: [critical]
"""


async def test_before_that_a_client_is_told_that_they_are_missing(api):
    listed, made = await api.get(PATH), await api.post(f"{PATH}/rebootnodes", REBOOT)

    assert (listed.status, made.status) == (404, 404)
    assert api.store.list("rebootnodes") == []


async def test_then_discovery_names_them_with_their_status(api):
    api.store.install(JANITOR)

    rows = {row["name"]: row for row in (await api.get(PATH)).json["resources"]}

    assert set(rows) == {"gpuresets", "gpuresets/status", "rebootnodes", "rebootnodes/status"}
    assert [rows[name]["namespaced"] for name in ("gpuresets", "rebootnodes")] == [False, False]


async def test_one_of_a_name_is_made_once_and_its_status_written_apart(api):
    api.store.install(JANITOR)

    first, second = [await api.post(f"{PATH}/rebootnodes", {**REBOOT, "status": {"startTime": "x"}}) for _ in range(2)]

    assert (first.status, second.status, second.json["reason"]) == (201, 409, "AlreadyExists")
    assert "status" not in first.json


def test_what_cannot_be_installed_is_named(api):
    with pytest.raises(ValueError, match="has no kind that can be installed"):
        api.store.install("kubeflow.org")


@pytest.mark.parametrize("installed", [True, False])
async def test_a_scenario_says_whether_the_janitor_is_there(tmp_path, installed):
    fleet = f"{{racks: 1, nodes_per_rack: 1, history: 1h, janitor: {str(installed).lower()}}}"
    file = tmp_path / "janitor" / "scenario.yaml"
    file.parent.mkdir()
    file.write_text(SCENARIO.format(fleet=fleet))
    world = load(file).realise(1, anchor=time.time())

    async with serve(world) as served, aiohttp.ClientSession(served.kubernetes_url) as session:
        answer = await session.get(PATH)

    assert answer.status == (200 if installed else 404)
