"""What happens after T0: complete objects, in order of time."""

from __future__ import annotations

from itertools import islice

from sentinel_fleet.times import rfc3339

POD = {"name": "late", "namespace": "team-a", "node": "${node}", "at": "+10s", "until": "+50s", "phase": "Running"}


def _story(world):
    return [
        (round(change.at - world.anchor), change.op, change.object["kind"], change.object["metadata"]["name"])
        for change in world.timeline(heartbeats=False)
    ]


def test_a_world_without_a_future_has_no_changes(make_world):
    assert _story(make_world()) == []


def test_changes_come_in_order_with_whole_objects(make_world):
    facts = [
        {"condition": {"node": "${node}", "at": "+40s", "type": "GpuEcc", "status": "True", "reason": "GpuEccBad"}},
        {"cordon": {"node": "${node}", "at": "+20s"}},
        {"pod": POD},
    ]
    world = make_world(facts)

    story = _story(world)
    last_node = [c.object for c in world.timeline(heartbeats=False) if c.object["kind"] == "Node"][-1]

    assert [at for at, *_ in story] == sorted(at for at, *_ in story)
    assert (10, "apply", "Pod", "late") in story
    assert (50, "delete", "Pod", "late") in story
    assert (20, "apply", "Node", world.trigger.node) in story
    assert last_node["spec"]["unschedulable"] is True
    conditions = {item["type"]: item["status"] for item in last_node["status"]["conditions"]}
    assert (conditions["GpuXid"], conditions["GpuEcc"]) == ("True", "True")


def test_a_cordon_can_end(make_world):
    world = make_world([{"cordon": {"node": "${node}", "at": "-1h", "until": "+30s"}}])

    change = next(iter(world.timeline(heartbeats=False)))

    assert change.at == world.anchor + 30
    assert "unschedulable" not in change.object["spec"]


def test_heartbeats_go_on_for_ever_and_move_with_time(make_world, anchor):
    world = make_world()

    beats = [change for change in islice(world.timeline(), 40) if change.object["kind"] == "Node"]

    assert len(beats) == 20
    healthy = [item for item in beats[-1].object["status"]["conditions"] if item["type"] == "KernelDeadlock"]
    assert healthy[0]["lastHeartbeatTime"] > rfc3339(anchor + 200)


def test_heartbeats_and_facts_are_merged_by_time(make_world):
    world = make_world([{"cordon": {"node": "${node}", "at": "+90s"}}])

    moments = [change.at for change in islice(world.timeline(), 60)]

    assert moments == sorted(moments)
    assert world.anchor + 90 in moments
