"""A cordon brings a taint of the controller manager's, and takes it along when it goes."""

from __future__ import annotations

NODE = "/api/v1/nodes/gpu-1"
THEIRS = {"key": "theirs", "effect": "NoSchedule"}


async def cordon(api, wanted, *taints):
    """Cordon or uncordon, with these taints there; the node as it is then."""
    spec = {"unschedulable": wanted} | ({"taints": list(taints)} if taints else {})
    await api.patch(NODE, {"spec": spec}, fieldManager="kubectl-cordon")
    return (await api.get(NODE)).json


async def test_a_cordoned_node_is_tainted(api):
    node = await cordon(api, True, THEIRS)

    added = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": api.store.now()}
    assert node["spec"]["taints"] == [THEIRS, added]


async def test_the_taints_are_the_controller_managers_and_the_cordon_is_who_set_it(api):
    node = await cordon(api, True)

    owners = {line["manager"]: line["fieldsV1"].get("f:spec") for line in node["metadata"]["managedFields"]}
    assert owners["kubectl-cordon"] == {"f:unschedulable": {}}
    assert owners["kube-controller-manager"] == {"f:taints": {}}


async def test_the_taint_goes_with_the_cordon(api):
    await cordon(api, True, THEIRS)

    node = await cordon(api, False)

    assert node["spec"]["taints"] == [THEIRS]


async def test_a_node_without_other_taints_has_none_left(api):
    await cordon(api, True)

    node = await cordon(api, None)

    assert "taints" not in node["spec"]
    assert "unschedulable" not in node["spec"]


async def test_the_taint_comes_back_as_long_as_the_cordon_stands(api):
    await cordon(api, True)

    await api.patch(NODE, {"spec": {"taints": None}})

    node = (await api.get(NODE)).json
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["node.kubernetes.io/unschedulable"]
