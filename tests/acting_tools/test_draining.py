"""`drain_node` cordons a node and evicts what was shown, each pod by its UID, and says what stays and why."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.acting_tools.conftest import NODE

from gcm_sentinel.domain.errors import Overloaded, Refused
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.tools import drain_node, uncordon_node

MARK = "gcm-sentinel/cordoned-for"
BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"}


@pytest.fixture
def tool(place):
    return drain_node.build(place.context)


def put_budget(place, name, minimum=1, **labels):
    spec = {"minAvailable": minimum, "selector": {"matchLabels": labels}}
    place.store.put({**BUDGET, "metadata": {"name": name, "namespace": "ml"}, "spec": spec})


def paths(plan):
    return [call.path for call in plan.order.calls]


async def test_a_plan_is_the_cordon_and_one_eviction_per_pod(place, tool):
    place.put_pod("ml/web-1")

    plan = await place.plan(tool)

    assert paths(plan) == [f"/api/v1/nodes/{NODE}", "/api/v1/namespaces/ml/pods/web-1/eviction"]
    assert plan.order.calls[1].body == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "web-1", "namespace": "ml"},
        "deleteOptions": {"preconditions": {"uid": "uid-web-1"}},
    }
    assert place.pods() == ["web-1"]


async def test_it_empties_the_node_and_no_other(place, tool):
    place.put_pod("web-1")
    place.put_pod("web-2")
    place.put_pod("web-3", node="gpu-node-10")

    plan = await place.plan(tool)
    carried = await place.carry_out(tool, plan)

    assert place.pods() == []
    assert place.pods("gpu-node-10") == ["web-3"]
    assert (carried.sent, carried.left) == (3, ())
    assert (await tool.check(plan.order, carried)).met


async def test_the_node_is_cordoned_before_the_first_pod_goes(place, tool):
    place.put_pod("web-1")

    await place.carry_out(tool, await place.plan(tool))

    assert [line.method for line in place.store.writes] == ["PATCH", "POST"]
    assert place.node()["metadata"]["annotations"][MARK] == "inc-1"


async def test_a_pod_keeps_the_grace_period_of_its_own(place, tool):
    place.put_pod("web-1", spec={"terminationGracePeriodSeconds": 3600})
    given = []
    place.store.listen(lambda _, change: given.append(change.record.obj["metadata"].get("deletionGracePeriodSeconds")))

    await place.carry_out(tool, await place.plan(tool))

    assert 3600 in given
    assert "gracePeriodSeconds" not in place.store.writes[-1].body


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"owner": ("DaemonSet", "dcgm-exporter")}, "DaemonSet/dcgm-exporter would put it back at once"),
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, "a static pod of the node's own"),
        ({"owner": ("Node", NODE)}, "a static pod of the node's own"),
        ({"phase": "Succeeded"}, "it has ended, and its logs stay readable"),
        ({"phase": "Failed"}, "it has ended, and its logs stay readable"),
        (
            {"spec": {"priorityClassName": "system-node-critical"}},
            "it is critical to the system (system-node-critical)",
        ),
        ({"spec": {"priority": 2000001000}}, "it is critical to the system (2000001000)"),
        ({"owner": None}, "nothing would make it anew: it has no controller"),
        (
            {"spec": {"volumes": [{"name": "scratch", "emptyDir": {}}]}},
            "it would lose what lies in its emptyDir scratch",
        ),
        (
            {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}},
            "its owner says so (cluster-autoscaler.kubernetes.io/safe-to-evict=false)",
        ),
    ],
)
async def test_what_stays_is_shown_with_its_reason(place, tool, parts, reason):
    place.put_pod("ml/stays", **parts)

    plan = await place.plan(tool)

    assert plan.spared == (f"ml/stays: {reason}",)
    assert paths(plan) == [f"/api/v1/nodes/{NODE}"]


async def test_pods_of_protected_namespaces_stay(place, tool):
    place.put_pod("kube-system/coredns-1")

    assert (await place.plan(tool)).spared == ("kube-system/coredns-1: namespace kube-system is protected",)


@pytest.mark.parametrize(
    "parts",
    [
        {"spec": {"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}]}},
        {
            "spec": {"volumes": [{"name": "scratch", "emptyDir": {}}]},
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": "cache, scratch"},
        },
        {
            "spec": {"volumes": [{"name": "scratch", "emptyDir": {}}]},
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
        },
    ],
    ids=["in memory", "given up by name", "given up as a whole"],
)
async def test_local_data_that_may_be_lost_keeps_no_pod(place, tool, parts):
    place.put_pod("ml/goes", **parts)

    assert (await place.plan(tool)).spared == ()


async def test_pods_with_gpus_go_first_the_least_important_first_gang_by_gang_and_ours_last(place, tool):
    place.put_pod("us", labels={"app": "gcm-sentinel"})
    place.put_pod("web")
    place.put_pod("prod-a-0", gpus=4, spec={"priority": 100}, owner=("PyTorchJob", "prod"))
    place.put_pod("dev-a-0", gpus=2, owner=("JobSet", "a"), labels={"jobset.sigs.k8s.io/jobset-name": "dev-a"})
    place.put_pod("dev-b-0", gpus=1, owner=("JobSet", "b"), labels={"jobset.sigs.k8s.io/jobset-name": "dev-b"})
    place.put_pod("dev-c-launcher", owner=("JobSet", "a"), labels={"jobset.sigs.k8s.io/jobset-name": "dev-a"})

    await place.carry_out(tool, await place.plan(tool))

    assert place.evicted == ["dev-a-0", "dev-c-launcher", "dev-b-0", "prod-a-0", "web", "us"]


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ({"jobset.sigs.k8s.io/jobset-name": "llama"}, "JobSet"),
        ({"leaderworkerset.sigs.k8s.io/name": "llama"}, "LeaderWorkerSet"),
        (
            {"training.kubeflow.org/job-name": "llama", "training.kubeflow.org/operator-name": "pytorchjob-controller"},
            "PyTorchJob",
        ),
        ({"training.kubeflow.org/job-name": "llama", "training.kubeflow.org/operator-name": "mpi-operator"}, "MPIJob"),
        ({"volcano.sh/job-name": "llama"}, "VolcanoJob"),
        ({"kueue.x-k8s.io/pod-group-name": "llama"}, "PodGroup"),
    ],
)
async def test_whoever_decides_sees_the_gang_on_other_nodes(place, tool, label, kind):
    place.put_pod("llama-0", gpus=8, labels=label, owner=("Job", "llama-j"))
    place.put_pod("llama-1", gpus=8, labels=label, node="gpu-node-10")
    place.put_pod("llama-2", labels=label, node="gpu-node-10", phase="Succeeded")
    place.put_pod("other-1", node="gpu-node-10")

    affected = (await place.plan(tool)).affects

    assert [(item.pod, item.owner, item.gpus, item.gang) for item in affected] == [
        ("ml/llama-0", f"{kind}/llama", 8, ("ml/llama-1 on gpu-node-10",))
    ]


async def test_a_gang_without_labels_is_found_by_its_owner(place, tool):
    place.put_pod("llama-0", gpus=8, owner=("PyTorchJob", "llama"))
    place.put_pod("llama-1", gpus=8, owner=("PyTorchJob", "llama"), node="gpu-node-10")

    assert (await place.plan(tool)).affects[0].gang == ("ml/llama-1 on gpu-node-10",)


async def test_replicas_are_no_gang(place, tool):
    place.put_pod("web-7d9f-a", owner=("ReplicaSet", "web-7d9f"), labels={"pod-template-hash": "7d9f"})
    place.put_pod("web-7d9f-b", owner=("ReplicaSet", "web-7d9f"), node="gpu-node-10")

    [item] = (await place.plan(tool)).affects

    assert (item.owner, item.gang) == ("Deployment/web", ())


async def test_a_budget_is_waited_for(place, tool):
    place.put_pod("web-1", labels={"app": "web"})
    put_budget(place, "web-budget", app="web")
    plan = await place.plan(tool)

    def another_comes():
        if len(place.slept) == 3:
            place.put_pod("web-2", labels={"app": "web"}, node="gpu-node-10")

    place.meanwhile = another_comes
    carried = await place.carry_out(tool, plan)

    assert place.slept[:4] == [1.0, 2.0, 4.0, 8.0]
    assert place.pods() == []
    assert carried.left == ()


async def test_what_a_budget_holds_to_the_end_is_told_with_its_name(place, tool):
    place.put_pod("web-1", labels={"app": "web"})
    place.put_pod("free-1")
    put_budget(place, "web-budget", app="web")
    plan = await place.plan(tool)

    carried = await place.carry_out(tool, plan)
    check = await tool.check(plan.order, carried)

    assert place.pods() == ["web-1"]
    assert len(carried.left) == 1
    assert "The disruption budget web-budget needs 1 healthy pods and has 1 currently" in carried.left[0]
    assert timedelta(seconds=sum(place.slept)) >= drain_node.WITHIN
    assert (check.met, check.hopeless) == (False, True)
    assert "those that went do not come back" in check.words


async def test_a_pod_that_two_budgets_hold_is_not_waited_for(place, tool):
    place.put_pod("web-1", labels={"app": "web"})
    put_budget(place, "one", app="web")
    put_budget(place, "two", app="web")

    carried = await place.carry_out(tool, await place.plan(tool))

    assert "more than one PodDisruptionBudget" in carried.left[0]
    assert len(place.slept) == 1


async def test_a_pod_that_does_not_end_counts_as_left(place, tool):
    place.put_pod("web-1", finalizers=["x/held"])
    plan = await place.plan(tool)

    carried = await place.carry_out(tool, plan)

    assert carried.left == ("ml/web-1: it was told to end and has not ended",)
    assert place.evicted == ["web-1"]
    assert not (await tool.check(plan.order, carried)).met


async def test_a_pod_that_came_since_is_not_evicted_but_told(place, tool):
    place.put_pod("web-1")
    plan = await place.plan(tool)
    place.put_pod("late-1")

    carried = await place.carry_out(tool, plan)
    check = await tool.check(plan.order, carried)

    assert place.pods() == ["late-1"]
    assert carried.left == ("ml/late-1: it came after the drain was planned, and was not in what was approved",)
    assert check.met
    assert "1 others stay: ml/late-1" in check.words


async def test_a_new_pod_alone_is_no_new_order(place, tool):
    place.put_pod("web-1")
    before = await place.plan(tool)
    place.put_pod("late-1")

    again = await place.plan(tool)
    grown = [call for call in again.order.calls if call not in before.order.calls]

    assert [call.path for call in grown] == ["/api/v1/namespaces/ml/pods/late-1/eviction"]
    assert set(map(str, grown)) <= set(map(str, again.severable))
    assert again.order.calls[0] not in again.severable


async def test_another_pod_of_the_same_name_is_not_evicted(place, tool):
    place.put_pod("web-1")
    plan = await place.plan(tool)
    place.store.delete("pods", "web-1", "ml")
    place.put_pod("web-1", uid="uid-of-the-new-one")

    await place.carry_out(tool, plan)

    assert place.pods() == ["web-1"]
    assert place.evicted == []


async def test_one_that_is_gone_or_has_ended_needs_no_eviction(place, tool):
    place.put_pod("gone-1")
    place.put_pod("done-1")
    plan = await place.plan(tool)
    place.store.delete("pods", "gone-1", "ml")
    place.put_pod("done-1", phase="Succeeded")

    carried = await place.carry_out(tool, plan)

    assert (place.evicted, place.pods(), carried.left) == ([], ["done-1"], ())


async def test_once_more_from_the_beginning_evicts_nobody_twice(place, tool):
    """As after a crash that left no record of what was sent."""
    place.put_pod("web-1", finalizers=["x/held"])
    place.put_pod("web-2")
    plan = await place.plan(tool)
    await place.carry_out(tool, plan)

    await place.carry_out(tool, plan)

    assert sorted(place.evicted) == ["web-1", "web-2"]


async def test_bare_pods_are_left_and_told(place, tool):
    place.put_pod("bare", owner=None)

    carried = await place.carry_out(tool, await place.plan(tool))

    assert carried.left == ("ml/bare: nothing would make it anew: it has no controller",)
    assert place.pods() == ["bare"]


async def test_who_takes_the_node_stops_the_drain(place, tool):
    place.put_pod("web-1", labels={"app": "web"})
    put_budget(place, "web-budget", app="web")
    plan = await place.plan(tool)

    def nvsentinel():
        labels = {"dgxc.nvidia.com/nvsentinel-state": "draining"}
        place.store.patch("nodes", NODE, {"metadata": {"labels": labels}}, manager="nvsentinel")

    place.meanwhile = nvsentinel
    carried = await place.carry_out(tool, plan)

    assert "the node is kept by NVSentinel" in carried.left[0]
    assert place.slept == [1.0]


async def test_who_gives_the_node_back_stops_the_drain(place, tool):
    place.put_pod("web-1", labels={"app": "web"})
    put_budget(place, "web-budget", app="web")
    plan = await place.plan(tool)
    place.meanwhile = lambda: place.store.patch("nodes", NODE, {"spec": {"unschedulable": None}}, manager="ada")

    carried = await place.carry_out(tool, plan)

    assert carried.left == ("ml/web-1: the node was given back meanwhile",)
    assert (await tool.check(plan.order, carried)).hopeless


async def test_a_node_that_somebody_took_is_not_drained(place, tool):
    place.put_pod("web-1")
    plan = await place.plan(tool)
    place.put_node(NODE, manager="kubectl-cordon", spec={"unschedulable": True})

    with pytest.raises(Refused, match="kubectl-cordon"):
        await place.carry_out(tool, plan)
    assert place.pods() == ["web-1"]


async def test_an_empty_node_of_ours_is_done_already(place, tool):
    await place.carry_out(tool, await place.plan(tool))

    assert (await place.plan(tool)).already


async def test_undoing_gives_the_node_back(place, tool):
    place.put_pod("web-1")
    plan = await place.plan(tool)
    carried = await place.carry_out(tool, plan)

    undo = await tool.undo(plan.order, carried)
    await uncordon_node.build(place.context).carry_out(undo, place.hands(undo))

    assert "unschedulable" not in place.node()["spec"]
    assert plan.notes[0].startswith("Evicted pods do not come back when it is undone")


async def test_a_cordon_that_was_there_before_the_drain_is_not_undone(place, tool):
    place.put_pod("web-1")
    early = await place.plan(tool)
    place.store.patch(
        "nodes", NODE, {"spec": {"unschedulable": True}, "metadata": {"annotations": {MARK: "inc-1"}}},
        manager="gcm-sentinel",
    )  # fmt: skip
    late = await place.plan(tool)

    carried = await place.carry_out(tool, early)

    assert await tool.undo(early.order, carried) is None
    assert await tool.undo(late.order, Carried(1)) is None


async def test_an_api_server_that_asks_for_patience_gets_it(place, tool):
    """A 429 that is no budget's, but of the API server's own fairness."""
    place.put_pod("web-1")
    plan = await place.plan(tool)
    hands, refusals = place.hands(plan.order), [Overloaded("too many requests", retry_after_s=1)]
    send = hands.send

    async def overloaded_once(call, **rest):
        if call.method == "POST" and refusals:
            raise refusals.pop()
        return await send(call, **rest)

    hands.send = overloaded_once

    carried = await tool.carry_out(plan.order, hands)

    assert (place.pods(), carried.left) == ([], ())


async def test_every_eviction_names_a_uid(place, tool):
    place.put_pod("web-1")
    place.put_pod("web-2")

    await place.carry_out(tool, await place.plan(tool))

    bodies = [json.loads(line.body) for line in place.store.writes if line.path.endswith("/eviction")]
    assert [body["deleteOptions"] for body in bodies] == [
        {"preconditions": {"uid": "uid-web-1"}},
        {"preconditions": {"uid": "uid-web-2"}},
    ]
