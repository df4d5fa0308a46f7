"""What a whole run of the agent writes, as the API server saw it."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from gcm_sentinel.app.simulated import Case, play


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recommended(ours):
    """A GPU off the bus, investigated by an agent that only recommends."""
    return await play(Case(ours("off-bus-riser"), 5), engine="playbook")


def writes_of(played):
    return [(request.method, request.path.split("?")[0]) for request in played.writes]


def test_recommend_mode_writes_one_event_and_nothing_else(recommended):
    assert writes_of(recommended) == [("POST", "/api/v1/namespaces/default/events")]


@pytest.mark.parametrize("mode", ["annotate", "approve", "execute"])
@pytest.mark.slow
async def test_other_modes_add_the_node_annotation_only(ours, monkeypatch, mode):
    monkeypatch.setenv("GCM_SENTINEL_ACTION_MODE", mode)

    played = await play(Case(ours("off-bus-riser"), 5), engine="playbook")

    node = played.world.trigger.node
    assert sorted(writes_of(played)) == [
        ("PATCH", f"/api/v1/nodes/{node}"),
        ("POST", "/api/v1/namespaces/default/events"),
    ]


@pytest.mark.parametrize("mode", ["recommend", "annotate"])
async def test_a_model_is_offered_no_tool_that_changes_the_cluster(small_scenario, undecided, monkeypatch, mode):
    monkeypatch.setenv("GCM_SENTINEL_ACTION_MODE", mode)

    await play(Case(small_scenario(), 1), engine="playbook", model=undecided)

    offered = {spec.name for spec in undecided.asked[0][1]}
    assert "get_node_info" in offered
    assert not offered & {"cordon_node", "drain_node", "taint_node", "uncordon_node", "reset_gpu", "reboot_node"}


def test_the_event_has_the_documented_shape(recommended):
    event = json.loads(recommended.writes[0].body)
    node = recommended.world.trigger.node
    assert event["reason"] == "GCMSentinel"
    assert event["source"]["component"] == "gcm-sentinel"
    assert event["involvedObject"]["name"] == node
    assert event["involvedObject"]["uid"]
    assert event["message"].startswith("[CRITICAL] ")
    assert " | Action: drain | Confidence: " in event["message"]
