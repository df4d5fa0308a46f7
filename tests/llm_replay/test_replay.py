"""A stored transcript plays back as long as the conversation goes as it did, and says where it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.transcript import (
    ModelTurn,
    StopReason,
    ToolCall,
    ToolReplies,
    ToolReply,
    ToolSpec,
    Transcript,
    Usage,
)
from gcm_sentinel.domain.transcript_json import transcript_to_json
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.llm.replay import ReplayModel

AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TOOLS = tuple(ToolSpec(name, "", {}) for name in ("read_kernel_log", "submit_assessment"))


def reply(call, evidence_id="E1"):
    result = ToolResult(ResultStatus.OK, query="q", raw="Xid 79")
    return ToolReplies((ToolReply(call, "shown", Evidence(evidence_id, "kernel_log", call.name, {}, result, AT, "d")),))


@pytest.fixture
def begun():
    """An investigation that has just begun."""
    trigger = Trigger("kubernetes", "gpu-7", "GcmXidErrorsProblem", TriggerStatus.PROBLEM, "Xid", "Xid 79", AT)
    return Transcript("You investigate.", Incident("inc-1", (trigger,), AT), "brief")


@pytest.fixture
def look():
    """The first recorded turn."""
    call = ToolCall("toolu_1", "read_kernel_log", {"node_name": "gpu-7"})
    return ModelTurn("", (call,), StopReason.TOOL_USE, Usage(900, 800, 20), "anthropic", "claude", 3.5)


@pytest.fixture
def recorded(begun, look):
    """A whole investigation of two turns."""
    submit = ToolCall("toolu_2", "submit_assessment", {"summary": "off the bus"})
    end = ModelTurn("", (submit,), StopReason.TOOL_USE, engine="anthropic", model="claude")
    return begun.append(look).append(reply(look.tool_calls[0])).append(end)


async def test_it_says_again_what_was_said_and_claims_no_tokens(recorded, begun, look):
    model = ReplayModel.from_transcript(recorded)

    first = await model.turn(begun, TOOLS)
    second = await model.turn(begun.append(first).append(reply(first.tool_calls[0])), TOOLS)

    assert first == replace(look, engine="replay", usage=Usage(), latency_s=0.0)
    assert second.tool_calls[0].arguments == {"summary": "off the bus"}


async def test_it_plays_a_stored_file(tmp_path, recorded, begun):
    path = tmp_path / "transcript.json"
    path.write_text(json.dumps(transcript_to_json(recorded)))

    turn = await ReplayModel.from_file(path).turn(begun, TOOLS)

    assert turn.tool_calls[0].name == "read_kernel_log"


async def test_the_same_fault_under_a_new_incident_id_is_the_same_incident(recorded, begun):
    again = replace(begun, incident=replace(begun.incident, id="inc-2"))

    turn = await ReplayModel.from_transcript(recorded).turn(again, TOOLS)

    assert turn.tool_calls[0].name == "read_kernel_log"


async def test_another_node_is_refused(recorded, begun):
    trigger = replace(begun.incident.lead, node="gpu-8")
    other = replace(begun, incident=replace(begun.incident, triggers=(trigger,)))

    with pytest.raises(BadConfiguration, match=r"GcmXidErrorsProblem on gpu-7.*GcmXidErrorsProblem on gpu-8"):
        await ReplayModel.from_transcript(recorded).turn(other, TOOLS)


async def test_a_tool_that_is_gone_is_named(recorded, begun):
    with pytest.raises(BadConfiguration, match="turn 1 of the recorded transcript calls read_kernel_log"):
        await ReplayModel.from_transcript(recorded).turn(begun, TOOLS[1:])


async def test_other_evidence_ends_the_replay(recorded, begun, look):
    other = begun.append(look).append(reply(look.tool_calls[0], "E2"))

    with pytest.raises(BadConfiguration, match="read_kernel_log -> E1 when recorded and is read_kernel_log -> E2 now"):
        await ReplayModel.from_transcript(recorded).turn(other, TOOLS)


async def test_it_does_not_go_on_where_the_recording_ended(recorded):
    with pytest.raises(BadConfiguration, match="has 2 turns; turn 3 is asked for"):
        await ReplayModel.from_transcript(recorded).turn(recorded, TOOLS)


@pytest.mark.parametrize("text", ["", "{", '{"format": 9}', None], ids=["empty", "cut", "newer", "missing"])
def test_a_file_that_holds_no_transcript_is_refused(text, tmp_path):
    path = tmp_path / "transcript.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(BadConfiguration, match="transcript"):
        ReplayModel.from_file(path)
