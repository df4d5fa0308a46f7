"""What the playbook engine proposes where the mode puts tools for it before it: what it advises, once, and no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Draft, RecommendedAction, Severity
from gcm_sentinel.domain.entity import Entity, EntityKind, gpu
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.transcript import (
    ModelTurn,
    StopReason,
    ToolCall,
    ToolReplies,
    ToolReply,
    ToolSpec,
    Transcript,
)
from gcm_sentinel.llm.playbook.proposing import to_propose

NODE = "gpu-r01-n01"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
ALL = tuple(ToolSpec(str(operation), "", {}) for operation in Operation)
HERE = Entity(EntityKind.NODE, NODE)


def draft(*advice):
    actions = tuple(RecommendedAction(action, target, "because") for action, target in advice)
    return Draft(Severity.CRITICAL, FaultClass.GPU_OFF_BUS, "s", "r", 0.9, actions=actions)


@pytest.fixture
def transcript(sick):
    """An investigation of `NODE` in which nothing was proposed yet."""
    return Transcript("", sick().incident, "")


def asked(found):
    return [(name, arguments.get("node_name") or arguments.get("gpu_uuid")) for name, arguments in found]


def test_a_cordon_is_proposed_for_the_node_that_is_advised(transcript):
    assert asked(to_propose(draft((Action.CORDON, HERE)), transcript, ALL)) == [("cordon_node", NODE)]


def test_a_drain_begins_with_the_cordon_so_both_are_one(transcript):
    found = to_propose(draft((Action.CORDON, HERE), (Action.DRAIN, HERE)), transcript, ALL)

    assert asked(found) == [("drain_node", NODE)]


def test_what_stops_a_node_is_not_proposed_beside_its_drain(transcript):
    card = gpu(NODE, index=2, uuid="GPU-1")
    advice = ((Action.REBOOT, HERE), (Action.DRAIN, HERE), (Action.RESET_GPU, card))

    found = to_propose(draft(*advice), transcript, ALL)

    assert asked(found) == [("drain_node", NODE)]


@pytest.mark.parametrize(
    ("stop", "tool"),
    [((Action.REBOOT, HERE), "reboot_node"), ((Action.RESET_GPU, gpu(NODE, index=2, uuid="GPU-1")), "reset_gpu")],
)
def test_once_its_drain_is_refused_as_done_what_had_to_wait_is_proposed_and_no_cordon(transcript, stop, tool):
    advice = draft((Action.CORDON, HERE), (Action.DRAIN, HERE), stop)
    [(name, arguments)] = to_propose(advice, transcript, ALL)
    call = ToolCall("c", name, arguments)
    said = ToolReply(call, "Refused: drain_node on gpu-r01-n01 was ordered before: done.", is_error=True)
    after = transcript.append(ModelTurn("", (call,), StopReason.TOOL_USE)).append(ToolReplies((said,)))

    assert asked(to_propose(advice, after, ALL)) == [(tool, NODE)]


def test_beside_a_drain_that_was_noted_nothing_else_is_proposed(transcript):
    advice = draft((Action.DRAIN, HERE), (Action.REBOOT, HERE))
    [(name, arguments)] = to_propose(advice, transcript, ALL)
    call = ToolCall("c", name, arguments)
    after = transcript.append(ModelTurn("", (call,), StopReason.TOOL_USE)).append(ToolReplies((ToolReply(call, "ok"),)))

    assert to_propose(advice, after, ALL) == ()


def test_without_a_tool_to_drain_it_proposes_to_cordon(transcript):
    tools = tuple(tool for tool in ALL if tool.name != "drain_node")

    assert asked(to_propose(draft((Action.DRAIN, HERE)), transcript, tools)) == [("cordon_node", NODE)]


def test_advice_that_waits_is_not_proposed(transcript):
    assert to_propose(draft((Action.WATCH, None), (Action.DRAIN, HERE)), transcript, ALL) == ()


@pytest.mark.parametrize(
    "action", [Action.NONE, Action.TELL_OWNER, Action.RMA, Action.POWER_CYCLE, Action.PAGE_NETWORK]
)
def test_what_no_tool_does_is_advice_only(transcript, action):
    assert to_propose(draft((action, HERE)), transcript, ALL) == ()


def test_without_tools_nothing_is_proposed(transcript):
    assert to_propose(draft((Action.CORDON, HERE)), transcript, ()) == ()


def test_a_gpu_is_named_by_its_uuid_or_not_at_all(transcript):
    known, unknown = gpu(NODE, index=2, uuid="GPU-1"), gpu(NODE, index=2)

    assert asked(to_propose(draft((Action.QUARANTINE_GPU, known)), transcript, ALL)) == [("quarantine_gpu", NODE)]
    assert to_propose(draft((Action.QUARANTINE_GPU, unknown)), transcript, ALL) == ()


@pytest.mark.parametrize(
    ("pods", "found"),
    [
        (["gpu-operator/nvidia-dcgm-exporter-x7k2p"], "gpu-operator/nvidia-dcgm-exporter-x7k2p"),
        (["gpu-operator/nvidia-dcgm-exporter-x7k2p", "gpu-operator/nvidia-dcgm-exporter-aaaaa"], None),
        (["gpu-operator/nvidia-dcgm-exporter-config-x7k2p"], None),
        ([], None),
    ],
)
def test_a_daemonset_is_restarted_by_its_one_pod_on_the_node(transcript, pods, found):
    entities = tuple(Entity(EntityKind.POD, name, node=transcript.incident.node) for name in pods)
    call = ToolCall("c", "get_node_info", {})
    seen = Evidence("E1", "kubernetes", call.name, {}, ToolResult(ResultStatus.OK, "q", entities=entities), NOW, "d")
    after = transcript.append(ToolReplies((ToolReply(call, "", evidence=seen),)))
    advice = draft((Action.RESTART_DAEMONSET, Entity(EntityKind.DAEMONSET, "nvidia-dcgm-exporter")))

    asked_for = to_propose(advice, after, ALL)

    assert [arguments["pod_name"] for _, arguments in asked_for] == ([found] if found else [])


def test_what_was_proposed_is_not_proposed_again(transcript):
    call = ToolCall("c", "cordon_node", {"node_name": NODE, "reason": "in other words"})
    after = transcript.append(ModelTurn("", (call,), StopReason.TOOL_USE))

    assert to_propose(draft((Action.CORDON, HERE)), after, ALL) == ()
