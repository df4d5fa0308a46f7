"""The player: the world changes when its time comes, and what clients wrote stays."""

import asyncio
from typing import Any

import pytest

from sentinel_fleet.kube import ObjectStore
from sentinel_fleet.player import Player, difference
from sentinel_fleet.serve import Fleet, serve
from sentinel_fleet.world import Change, World


async def eventually(condition: Any, deadline_s: float = 5.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - the store has no event to wait for
            await asyncio.sleep(0.01)


def conditions(fleet: Fleet, node: str) -> dict[str, str]:
    found = fleet.store.get("nodes", node)
    assert found is not None
    return {one["type"]: one["status"] for one in found["status"]["conditions"]}


async def test_a_later_fact_happens_while_it_serves(fleet: Fleet, clock: Any) -> None:
    dark = str(fleet.world.names["dark"])
    before = conditions(fleet, dark).get("GpuXid")

    clock.ahead_s = 1805.0

    await eventually(lambda: conditions(fleet, dark).get("GpuXid") == "True")
    await eventually(lambda: any(event["reason"] == "Later" for event in fleet.store.list("events")))
    assert before != "True"


async def test_a_clients_cordon_outlives_the_worlds_changes(fleet: Fleet, clock: Any) -> None:
    dark = str(fleet.world.names["dark"])
    fleet.store.patch("nodes", dark, {"spec": {"unschedulable": True}}, manager="kubectl-cordon")

    clock.ahead_s = 1805.0
    await eventually(lambda: conditions(fleet, dark).get("GpuXid") == "True")

    node = fleet.store.get("nodes", dark)
    assert node is not None
    assert node["spec"]["unschedulable"] is True
    owners = [entry["manager"] for entry in node["metadata"]["managedFields"]]
    assert "kubectl-cordon" in owners  # and with it who cordoned
    assert "kubelet" in owners


def pod(phase: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": "train-0", "namespace": "team", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": phase}}


@pytest.fixture
def store() -> ObjectStore:
    """A store with one running pod in it, put there by `player`."""
    return ObjectStore()


@pytest.fixture
def player(store: ObjectStore) -> Player:
    """A player that has opened a world of one pod."""
    player = Player(store, lambda: 0.0)
    player.open([pod("Running", step="1")])
    return player


def test_a_pod_a_client_deleted_stays_deleted(store: ObjectStore, player: Player) -> None:
    store.delete("pods", "train-0", "team")

    player.apply(Change(1.0, "apply", pod("Succeeded", step="1")))

    assert store.get("pods", "train-0", "team") is None


def test_a_pod_the_world_brings_back_is_back(store: ObjectStore, player: Player) -> None:
    player.apply(Change(1.0, "delete", pod("Running", step="1")))
    assert store.get("pods", "train-0", "team") is None

    player.apply(Change(2.0, "apply", pod("Pending")))

    again = store.get("pods", "train-0", "team")
    assert again is not None
    assert again["status"]["phase"] == "Pending"


def test_only_what_the_world_changed_is_written(store: ObjectStore, player: Player) -> None:
    store.patch("pods", "train-0", {"metadata": {"labels": {"mine": "x"}}}, namespace="team")

    player.apply(Change(1.0, "apply", pod("Failed", step="2")))

    found = store.get("pods", "train-0", "team")
    assert found is not None
    assert found["metadata"]["labels"] == {"step": "2", "mine": "x"}
    assert found["status"]["phase"] == "Failed"


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3}}, {"a": {"y": 3}}),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, {"a": [1, 2, 3]}),
        ({}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": "text"}, {"a": "text"}),
    ],
    ids=["the same", "gone", "deep", "a list is one value", "new", "another type"],
)
def test_the_difference_is_a_merge_patch(before: dict[str, Any], after: dict[str, Any], patch: dict[str, Any]) -> None:
    assert difference(before, after) == patch


async def test_a_failing_timeline_is_reported_at_once_and_raised_at_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(world, "timeline", lambda *_, **__: (1 // 0 for _ in "x"))

    with pytest.raises(ZeroDivisionError):
        async with serve(world):
            await eventually(lambda: "the world no longer changes" in caplog.text)
