"""`restart_pod` evicts one pod of a known GPU operator's DaemonSet, and wants to see another one Ready."""

from __future__ import annotations

import pytest
from tests.acting_tools.conftest import NODE

from gcm_sentinel.domain.errors import NotFound, Refused
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.tools import restart_pod

PLUGIN = {"app": "nvidia-device-plugin-daemonset"}
DRIVER = {"app": "nvidia-driver-daemonset", "app.kubernetes.io/component": "nvidia-driver"}
NAME = "gpu-operator/plugin-x"


@pytest.fixture
def tool(place):
    return restart_pod.build(place.context)


def put_plugin(place, name=NAME, **parts):
    place.put_pod(name, **{"labels": PLUGIN, "owner": ("DaemonSet", "plugin"), **parts})


async def plan_of(place, tool, name=NAME):
    call = ToolCall("c1", "restart_pod", {"pod_name": name, "reason": "it hangs"})
    return await tool.plan(call, place.scope())


async def test_a_plan_is_one_eviction_of_that_very_pod(place, tool):
    put_plugin(place)

    order = (await plan_of(place, tool)).order

    assert [call.path for call in order.calls] == ["/api/v1/namespaces/gpu-operator/pods/plugin-x/eviction"]
    assert (order.target.kind, order.target.name, order.target.uid, order.target.node) == (
        "pod", NAME, "uid-plugin-x", NODE,
    )  # fmt: skip
    assert order.arguments == {"daemonset": "gpu-operator/plugin", "daemonset_uid": "uid-plugin"}


@pytest.mark.parametrize(
    "labels",
    [
        PLUGIN,
        {"app.kubernetes.io/name": "nvidia-device-plugin"},
        {"name": "nvidia-device-plugin-ds"},
        {"app": "nvidia-dcgm-exporter"},
        {"app.kubernetes.io/name": "dcgm-exporter"},
        {"app": "gpu-feature-discovery"},
        {"app": "nvidia-operator-validator"},
        {"app.kubernetes.io/name": "node-problem-detector"},
    ],
)
async def test_gpu_operators_may_be_restarted(place, tool, labels):
    put_plugin(place, labels=labels)

    assert (await plan_of(place, tool)).order.calls


async def test_gcms_health_checks_are_known_by_their_container_too(place, tool):
    put_plugin(
        place,
        labels={"app.kubernetes.io/component": "health-checks"},
        spec={"containers": [{"name": "node-problem-detector"}]},
    )

    assert (await plan_of(place, tool)).order.calls


@pytest.mark.parametrize(
    "parts",
    [
        {"labels": {"app.kubernetes.io/component": "health-checks"}},
        {"labels": {"app": "cilium"}},
        {"labels": {}},
        {"owner": ("ReplicaSet", "plugin")},
        {"owner": None},
    ],
    ids=["health checks of others", "another DaemonSet", "no labels", "no DaemonSet", "bare"],
)
async def test_nothing_else_may(place, tool, parts):
    put_plugin(place, **parts)

    with pytest.raises(ValueError, match="is no pod of a DaemonSet that may be restarted"):
        await plan_of(place, tool)


@pytest.mark.parametrize("name", ["plugin-x", "a/b/c", "../x", "gpu-operator/", "gpu-operator/x?force=1", "A/b"])
async def test_what_is_no_pod_name_is_sent_back(place, tool, name):
    with pytest.raises(ValueError, match="namespace/name"):
        await plan_of(place, tool, name)


async def test_a_pod_that_is_not_there(place, tool):
    with pytest.raises(NotFound):
        await plan_of(place, tool)


async def test_one_that_is_ending_is_not_told_again(place, tool):
    put_plugin(place, finalizers=["x/held"])
    await place.carry_out(tool, await plan_of(place, tool))

    with pytest.raises(ValueError, match="is ending already"):
        await plan_of(place, tool)


async def test_only_that_pod_goes(place, tool):
    put_plugin(place)
    put_plugin(place, "gpu-operator/plugin-y", node="gpu-node-10")
    put_plugin(place, "gpu-operator/exporter-x", owner=("DaemonSet", "exporter"))

    await place.carry_out(tool, await plan_of(place, tool))

    assert place.evicted == ["plugin-x"]
    assert (place.pods(), place.pods("gpu-node-10")) == (["exporter-x"], ["plugin-y"])


async def test_it_counts_when_another_of_the_daemonset_is_ready_there(place, tool):
    put_plugin(place)
    plan = await plan_of(place, tool)
    checks = [await tool.check(plan.order, Carried(0))]
    await place.carry_out(tool, plan)
    checks.append(await tool.check(plan.order, Carried(1)))
    put_plugin(place, "gpu-operator/plugin-z", node="gpu-node-10")
    put_plugin(place, "gpu-operator/exporter-z", owner=("DaemonSet", "exporter"))
    checks.append(await tool.check(plan.order, Carried(1)))

    put_plugin(place, "gpu-operator/plugin-new")
    done = await tool.check(plan.order, Carried(1))

    assert [check.met for check in checks] == [False, False, False]
    assert checks[0].words == "gpu-operator/plugin-x is still there"
    assert checks[2].words == "gpu-operator/plugin-x is gone, and nothing has taken its place"
    assert (done.met, done.words) == (
        True, f"gpu-operator/plugin-new of DaemonSet gpu-operator/plugin is Ready on {NODE}"
    )  # fmt: skip


async def test_a_new_one_that_is_not_ready_does_not_count(place, tool):
    put_plugin(place)
    plan = await plan_of(place, tool)
    await place.carry_out(tool, plan)
    put_plugin(place, "gpu-operator/plugin-new", phase="Pending")
    place.store.patch("pods", "plugin-new", {"status": {"conditions": None}}, namespace="gpu-operator")

    check = await tool.check(plan.order, Carried(1))

    assert (check.met, check.words) == (False, "gpu-operator/plugin-new is not Ready yet")


async def test_the_driver_is_not_taken_from_a_node_that_takes_work(place, tool):
    put_plugin(place, labels=DRIVER)

    with pytest.raises(ValueError, match="cordon and drain it first"):
        await plan_of(place, tool)


async def test_the_driver_is_not_taken_from_a_running_job(place, tool):
    place.put_node(NODE, manager="gcm-sentinel", spec={"unschedulable": True})
    put_plugin(place, labels=DRIVER)
    place.put_pod("train-0", gpus=8)

    with pytest.raises(ValueError, match="would take it from ml/train-0"):
        await plan_of(place, tool)


async def test_a_job_that_came_meanwhile_keeps_the_driver(place, tool):
    place.put_node(NODE, manager="gcm-sentinel", spec={"unschedulable": True})
    put_plugin(place, labels=DRIVER)
    plan = await plan_of(place, tool)
    place.put_pod("train-0", gpus=8)

    with pytest.raises(Refused, match="would take it from ml/train-0"):
        await place.carry_out(tool, plan)
    assert place.evicted == []


async def test_an_empty_cordoned_node_gets_its_driver_restarted(place, tool):
    place.put_node(NODE, manager="gcm-sentinel", spec={"unschedulable": True})
    put_plugin(place, labels=DRIVER)

    await place.carry_out(tool, await plan_of(place, tool))

    assert place.evicted == ["plugin-x"]


async def test_nothing_takes_it_back(place, tool):
    put_plugin(place)

    assert await tool.undo((await plan_of(place, tool)).order, Carried(1)) is None
