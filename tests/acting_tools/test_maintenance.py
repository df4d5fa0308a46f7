"""`reset_gpu` and `reboot_node` ask whoever resets and reboots on this cluster, once, and believe only what shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.acting_tools.conftest import NODE

from gcm_sentinel.domain.effects import effect_of
from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.modes import Effect, Mode
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.tools import reboot_node, reset_gpu
from sentinel_fleet.kube import JANITOR

UUID = "GPU-0000aaaa-1111-2222-3333-444455556666"
REQUEST = "gcm-sentinel/maintenance-request"
XID = {"type": "GpuXid", "status": "True"}


def node(place, *, boot="boot-1", ready="True", conditions=(), **parts):
    """The node as a kubelet describes it, cordoned by us unless `parts` say otherwise."""
    place.put_node(NODE, **{"manager": "gcm-sentinel", "spec": {"unschedulable": True}, **parts})
    found = place.node()
    states = [{"type": "Ready", "status": ready}, *conditions]
    status = {**found["status"], "nodeInfo": {"bootID": boot}, "conditions": states}
    place.store.put({**found, "status": status}, manager="kubelet")


def shown(*nodes):
    """Evidence that shows the GPU in each of `nodes`."""
    result = ToolResult(ResultStatus.OK, "q", entities=tuple(gpu(name, index=2, uuid=UUID) for name in nodes))
    return (Evidence("E1", "dcgm", "query_dcgm_direct", {}, result, datetime(2026, 11, 20, tzinfo=UTC), "d"),)


async def planned(place, tool, *, seen=(NODE,), **arguments):
    asked = {"reason": "r", **({"gpu_uuid": UUID} if tool.operation == "reset_gpu" else {"node_name": NODE})}
    return await tool.plan(
        ToolCall("c", str(tool.operation), {**asked, **arguments}), place.scope(gathered=shown(*seen))
    )


def pod(place, name, *, gpus=0, phase="Running"):
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    containers = [{"name": "c", "image": "i", "resources": {"limits": limits}}]
    place.store.put(
        {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "team"},
            "spec": {"nodeName": NODE, "containers": containers}, "status": {"phase": phase},
        }
    )  # fmt: skip


def annotation(place):
    return place.node()["metadata"]["annotations"].get(REQUEST)


def made(place, plural):
    (found,) = place.store.list(plural)
    return found


def report(place, plural, *conditions):
    """What the janitor writes into the status of its one request."""
    found = made(place, plural)
    states = [{"type": kind, "status": status, "reason": "R"} for kind, status in conditions]
    place.store.put({**found, "status": {"conditions": states}}, manager="janitor")


def without_request(place):
    found = place.node()
    place.store.put({**found, "metadata": {**found["metadata"], "annotations": {}}}, manager="site")


@pytest.fixture(autouse=True)
def _sick(place):
    node(place, conditions=[XID])


@pytest.fixture
def janitor(place):
    place.store.install(JANITOR)
    return place


@pytest.fixture
def reset(place):
    return reset_gpu.build(place.context)


@pytest.fixture
def reboot(place):
    return reboot_node.build(place.context)


async def test_where_the_janitor_is_a_reset_is_asked_of_it(janitor, reset):
    plan = await planned(janitor, reset)
    await janitor.carry_out(reset, plan)

    found = made(janitor, "gpuresets")
    assert found["spec"] == {"nodeName": NODE, "selector": {"uuids": [UUID]}}
    assert found["metadata"]["name"] == plan.order.handle
    assert plan.notes == ("asks NVSentinel's janitor by a GPUReset",)
    assert annotation(janitor) is None


async def test_asked_again_after_a_crash_it_is_made_once(janitor, reboot):
    plan = await planned(janitor, reboot)

    await janitor.carry_out(reboot, plan)
    await janitor.carry_out(reboot, plan)

    posts = [item.status for item in janitor.store.writes if item.method == "POST"]
    assert (len(janitor.store.list("rebootnodes")), posts) == (1, [201])


async def test_without_the_janitor_the_sites_controller_is_asked_by_an_annotation(place, reset):
    plan = await planned(place, reset)
    await place.carry_out(reset, plan)

    told = json.loads(annotation(place))
    assert (told["action"], told["gpus"], told["incident"]) == ("reset-gpu", [UUID], "inc-1")
    assert "GPUReset of NVSentinel is not served" in plan.notes[0]


async def test_what_the_controller_took_away_before_a_crash_is_not_asked_again(place, reset):
    plan = await planned(place, reset)
    await place.carry_out(reset, plan)
    found = place.node()
    left = {key: value for key, value in found["metadata"]["annotations"].items() if key != REQUEST}
    place.store.put({**found, "metadata": {**found["metadata"], "annotations": left}}, manager="site")

    await place.carry_out(reset, plan)

    assert annotation(place) is None
    assert len(place.store.writes) == 1


async def test_planned_again_it_is_the_same_order(place, reset, reboot):
    for tool in (reset, reboot):
        first = await planned(place, tool)
        again = await planned(place, tool, **first.order.arguments)

        assert again.order.digest == first.order.digest


async def test_a_gpu_is_not_reset_while_pods_with_gpus_run_on_its_node(place, reset):
    pod(place, "trainer", gpus=8)
    pod(place, "finished", gpus=8, phase="Succeeded")
    pod(place, "exporter")

    with pytest.raises(ValueError, match=r"drain first: 1 pods with GPUs run on gpu-node-1 \(team/trainer\)"):
        await planned(place, reset)


@pytest.mark.parametrize("tool", ["reset", "reboot"])
async def test_a_node_that_takes_new_pods_is_drained_first(place, request, tool):
    node(place, conditions=[XID], spec={})

    with pytest.raises(ValueError, match="drain first: node gpu-node-1 is not cordoned by us"):
        await planned(place, request.getfixturevalue(tool))


@pytest.mark.parametrize("parts", [{"gpus": 8}, {}, {"owner": None}], ids=["with GPUs", "without", "bare"])
async def test_a_node_is_not_rebooted_while_a_pod_is_left_that_should_leave(place, reboot, parts):
    place.put_pod("team/trainer", **parts)

    with pytest.raises(ValueError, match=r"drain first: 1 pods run on gpu-node-1 \(team/trainer"):
        await planned(place, reboot)


async def test_what_belongs_to_the_node_does_not_hold_a_reboot_up(place, reboot):
    place.put_pod("gpu-operator/exporter", owner=("DaemonSet", "exporter"), gpus=1)
    place.put_pod("kube-system/proxy")
    place.put_pod("team/finished", phase="Succeeded")

    plan = await planned(place, reboot)

    assert plan.order.calls


@pytest.mark.parametrize("served", [True, False])
@pytest.mark.parametrize("tool", ["reset", "reboot"])
async def test_a_pod_that_came_between_the_ruling_and_the_request_holds_it_back(place, request, tool, served):
    if served:
        place.store.install(JANITOR)
    found = request.getfixturevalue(tool)
    plan = await planned(place, found)
    place.put_pod("ml/train-1", gpus=8)

    with pytest.raises(Refused, match="drain first"):
        await place.carry_out(found, plan)
    assert place.store.writes == []


async def test_a_cordon_that_was_taken_away_meanwhile_holds_the_request_back(place, reboot):
    plan = await planned(place, reboot)
    node(place, conditions=[XID], spec={})

    with pytest.raises(Refused, match="is not cordoned by us"):
        await place.carry_out(reboot, plan)
    assert annotation(place) is None


@pytest.mark.parametrize(("until", "held"), [("2026-11-20T19:59:00Z", False), ("2026-11-20T20:01:00Z", True)])
async def test_on_a_node_that_is_not_ready_a_pod_has_its_grace_and_no_more(place, reboot, until, held):
    node(place, ready="Unknown", spec={})
    ending = place.put_pod("ml/train-1", gpus=8, finalizers=["x/held"])
    place.store.put({**ending, "metadata": {**ending["metadata"], "deletionTimestamp": until}})

    if held:
        with pytest.raises(ValueError, match="drain first: 1 pods run"):
            await planned(place, reboot)
    else:
        assert (await planned(place, reboot)).order.calls


@pytest.mark.parametrize(
    ("seen", "arguments", "words"),
    [
        ((), {}, "no evidence of this investigation shows"),
        ((NODE, "gpu-node-10"), {}, "in several nodes"),
        (("gpu-node-10",), {}, "which this incident is not about"),
        ((NODE,), {"node_name": "gpu-node-10"}, "is in node gpu-node-1, not in 'gpu-node-10'"),
        ((NODE,), {"gpu_uuid": "0"}, "no UUID"),
        ((NODE,), {"gpu_uuid": "MIG-1"}, "no UUID"),
    ],
)
async def test_a_gpu_is_where_evidence_shows_it(place, reset, seen, arguments, words):
    with pytest.raises(ValueError, match=words):
        await planned(place, reset, seen=seen, **arguments)


async def test_a_node_that_booted_since_is_not_rebooted_again(janitor, reboot):
    plan = await planned(janitor, reboot)
    node(janitor, boot="boot-2", conditions=[XID])

    with pytest.raises(ValueError, match="has booted since"):
        await planned(janitor, reboot, **plan.order.arguments)
    with pytest.raises(Refused, match="has booted since"):
        await janitor.carry_out(reboot, plan)
    assert janitor.store.list("rebootnodes") == []


@pytest.mark.parametrize("served", [True, False])
async def test_a_node_that_somebody_keeps_by_now_is_left_alone(place, reset, served):
    if served:
        place.store.install(JANITOR)
    plan = await planned(place, reset)
    node(place, labels={"dgxc.nvidia.com/nvsentinel-state": "draining"}, manager="nvsentinel")

    with pytest.raises(Refused, match="NVSentinel"):
        await place.carry_out(reset, plan)
    assert annotation(place) is None


async def test_another_request_on_the_node_is_not_overwritten(place, reset, reboot):
    await place.carry_out(reset, await planned(place, reset))

    with pytest.raises(ValueError, match="bears a maintenance request already"):
        await planned(place, reboot)


async def test_a_mode_that_only_annotates_asks_no_controller(place, reset):
    place.mode = Mode.ANNOTATE

    with pytest.raises(Refused, match="does not permit"):
        await place.carry_out(reset, await planned(place, reset))
    assert annotation(place) is None


async def test_a_reset_is_done_when_it_is_complete_and_its_condition_has_gone(janitor, reset):
    scope = janitor.scope(gathered=shown(NODE))
    plan = await reset.plan(ToolCall("c", "reset_gpu", {"gpu_uuid": UUID, "reason": "r"}), scope)
    carried = await janitor.carry_out(reset, plan)

    words = [(await reset.check(plan.order, carried)).words]
    report(janitor, "gpuresets", ("ServicesTornDown", "True"), ("Complete", "True"))
    words.append((await reset.check(plan.order, carried)).words)
    node(janitor, conditions=[{**XID, "status": "False"}])
    done = await reset.check(plan.order, carried)

    assert words == ["GPUReset runs", "GPUReset is complete, but GpuXid=True stands"]
    assert done.met


async def test_a_reset_that_failed_is_not_waited_for(janitor, reset):
    plan = await planned(janitor, reset)
    carried = await janitor.carry_out(reset, plan)
    report(janitor, "gpuresets", ("Complete", "False"))

    check = await reset.check(plan.order, carried)

    assert (check.met, check.hopeless, check.words) == (False, True, "GPUReset failed: Complete R")
    assert await reset.undo(plan.order, carried) is None


async def test_a_reboot_is_done_when_the_node_is_ready_in_another_boot(janitor, reboot):
    plan = await planned(janitor, reboot)
    carried = await janitor.carry_out(reboot, plan)
    report(janitor, "rebootnodes", ("SignalSent", "True"), ("NodeReady", "True"))

    words = [(await reboot.check(plan.order, carried)).words]
    node(janitor, boot="boot-2", ready="False")
    words.append((await reboot.check(plan.order, carried)).words)
    node(janitor, boot="boot-2")
    done = await reboot.check(plan.order, carried)

    assert carried.facts == {"boot_id": "boot-1"}
    assert words == ["node gpu-node-1 is still in boot boot-1", "node gpu-node-1 booted (boot-2) and is not Ready"]
    assert (done.met, done.words) == (True, "node gpu-node-1 booted (boot-2) and is Ready")


async def test_a_manual_janitor_is_told_of(janitor, reboot):
    plan = await planned(janitor, reboot)
    carried = await janitor.carry_out(reboot, plan)
    report(janitor, "rebootnodes", ("ManualMode", "True"))

    assert "waits for a person (manual mode)" in (await reboot.check(plan.order, carried)).words


async def test_the_sites_controller_answers_by_taking_the_annotation_away(place, reset):
    node(place)
    plan = await planned(place, reset)
    carried = await place.carry_out(reset, plan)

    before = await reset.check(plan.order, carried)
    without_request(place)
    after = await reset.check(plan.order, carried)

    assert (before.met, after.met) == (False, True)


async def test_a_request_nobody_took_up_is_taken_back(place, reboot):
    plan = await planned(place, reboot)
    carried = await place.carry_out(reboot, plan)

    back = await reboot.undo(plan.order, carried)
    assert back is not None
    await reboot.carry_out(back, place.hands(back))

    assert annotation(place) is None
    assert (await reboot.check(back, carried)).met


async def test_what_the_controller_took_up_is_not_taken_back(place, reboot):
    plan = await planned(place, reboot)
    carried = await place.carry_out(reboot, plan)
    without_request(place)

    assert await reboot.undo(plan.order, carried) is None


def test_the_request_counts_as_an_act_and_not_as_an_annotation():
    told = {"metadata": {"annotations": {"gcm-sentinel/severity": "critical"}}}
    asked = {"metadata": {"annotations": {REQUEST: "{}"}}}

    effects = [effect_of("PATCH", f"/api/v1/nodes/{NODE}", body) for body in (told, asked)]

    assert effects == [Effect.ANNOTATE, Effect.REMEDIATE]
