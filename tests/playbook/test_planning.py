"""What is asked next, of whom, and when it is enough."""

from __future__ import annotations

from typing import Any, cast

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, Nudge, ToolReplies, ToolReply, ToolSpec, Transcript
from gcm_sentinel.llm.playbook.hypotheses import shipped
from gcm_sentinel.llm.playbook.model import PlaybookModel
from gcm_sentinel.llm.playbook.planner import fill
from gcm_sentinel.llm.playbook.subject import Subject

PARAMETERS: JsonObject = {"type": "object", "properties": {"node_name": {}, "query": {}, "service": {}}}


def specs(*names):
    return tuple(ToolSpec(name, "", PARAMETERS) for name in names)


EVERYTHING = specs(*sorted({question.tool for question in shipped().questions}))


async def first_turn(case, tools=EVERYTHING):
    return await PlaybookModel().turn(Transcript("", case.incident, ""), tools)


async def test_the_first_turn_looks_at_node_log_gpus_work_and_neighbours(sick):
    turn = await first_turn(sick())

    asked = {call.name for call in turn.tool_calls}
    assert asked >= {"get_node_info", "read_kernel_log", "compare_gpu_metrics", "get_workload_info", "get_topology"}


async def test_asks_only_what_is_offered(sick):
    turn = await first_turn(sick(), specs("get_node_info", "get_workload_info"))

    assert {call.name for call in turn.tool_calls} == {"get_node_info", "get_workload_info"}


async def test_submits_at_once_when_nothing_can_be_asked(sick):
    turn = await first_turn(sick(), ())

    assert [call.name for call in turn.tool_calls] == [SUBMIT_TOOL]
    assert turn.tool_calls[0].arguments["fault_class"] == "inconclusive"


async def test_a_silent_node_raises_other_questions_than_a_busy_port(sick):
    ready = {call.name for call in (await first_turn(sick(kind="Ready"))).tool_calls}
    port = {call.name for call in (await first_turn(sick(kind="IbDev"))).tool_calls}

    assert "read_service_log" in ready - port
    assert "query_infiniband_direct" in port - ready


def test_never_asks_the_same_twice(sick, investigate):
    outcome = investigate(sick(kind="NodeSlow", message="feels slow", transition=None))

    calls = [call for entry in outcome.transcript.entries if hasattr(entry, "tool_calls") for call in entry.tool_calls]
    made = [(call.name, repr(call.arguments)) for call in calls]
    assert len(made) == len(set(made))


def test_does_not_ask_a_source_again_that_is_out_of_reach(sick, investigate):
    case = sick(kind="GpuIdle", message="GPU idle", transition=None).fails("query_prometheus", "compare_gpu_metrics")

    outcome = investigate(case)

    assert outcome.asked.count("compare_gpu_metrics") == 1


async def test_a_nudge_ends_the_questions(sick):
    transcript = Transcript("", sick().incident, "").append(Nudge("submit now"))

    turn = await PlaybookModel().turn(transcript, EVERYTHING)

    assert [call.name for call in turn.tool_calls] == [SUBMIT_TOOL]


async def test_a_turn_is_a_function_of_the_transcript(sick):
    case = sick(kind="GpuCount", message="7/8")

    assert await first_turn(case) == await first_turn(case)


async def test_says_what_it_thinks_and_why_it_asks(sick):
    turn = await first_turn(sick(kind="GpuCount", message="GPU count bad 7/8"))

    assert "gpu_off_bus" in turn.text
    assert "triage" in turn.text


async def test_goes_on_from_what_another_engine_gathered(sick):
    case = sick(kind="GpuCount", message="GPU count bad 7/8").gone(1).info(allocatable=7)
    case.kernel({"xid": 79, "gpu": 1, "ago": 41})
    calls = (await first_turn(case)).tool_calls
    replies = [ToolReply(call, "", item) for call, item in zip(calls, case.evidence(), strict=False)]
    transcript = Transcript("", case.incident, "").append(await first_turn(case)).append(ToolReplies(tuple(replies)))

    turn = await PlaybookModel().turn(transcript, tuple(tool for tool in EVERYTHING if "history" not in tool.name))

    assert turn.tool_calls[0].arguments["fault_class"] == "gpu_off_bus"


async def test_drops_claims_that_were_sent_back(sick):
    case = sick()
    first = await PlaybookModel().turn(Transcript("", case.incident, "").append(Nudge("now")), EVERYTHING)
    told = cast(Any, first.tool_calls[0].arguments["claims"])
    reply = ToolReply(first.tool_calls[0], f"claim {told[0]['text']!r}: no" if told else "no", is_error=True)
    transcript = Transcript("", case.incident, "").append(first).append(ToolReplies((reply,)))

    again = await PlaybookModel().turn(transcript, EVERYTHING)

    assert len(cast(Any, again.tool_calls[0].arguments["claims"])) == max(0, len(told) - 1)


def test_sends_only_declared_parameters():
    question = next(item for item in shipped().questions if item.name == "kubelet_log")

    assert fill(question, specs("read_service_log")[0], Subject("n1")) == {"node_name": "n1", "service": "kubelet"}
