"""One investigation as a collector sees it."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.tracing.conftest import attributes
from tests.tracing.pieces import AS_IS, ASKED, SECRET, RecordedSteps, Source, answer, asking, fail

from gcm_sentinel.app.observation import ObservedSource
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.errors import Overloaded
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.engine.recorded import Asked, Cut


@pytest.fixture
def investigate(tracing, observe, incident):
    """One process: an investigation of one turn and one tool call over `steps`."""

    async def run(steps=None, *, status=ResultStatus.OK):
        async with tracing() as tracer:
            observer = observe(tracer)
            with observer.investigation(incident):
                observed = observer.steps(steps or Unrecorded())
                await observed.run("turn", lambda: answer(ASKED), AS_IS)
                await observed.run("tool:get_node_info", asking(ObservedSource(Source(status)), incident), AS_IS)

    return run


async def test_one_trace_holds_the_turn_and_the_tool_call_under_the_investigation(investigate, collector):
    await investigate()

    root = collector.named("invoke_agent")[0]
    children = [span for span in collector.spans if span is not root]
    assert root.name == "invoke_agent gcm-sentinel"
    assert sorted(span.name for span in children) == ["chat claude-sonnet-5-5", "execute_tool get_node_info"]
    assert {span.trace_id for span in collector.spans} == {root.trace_id}
    assert {span.parent_span_id for span in children} == {root.span_id}
    assert not root.parent_span_id


async def test_the_root_names_agent_and_conversation(investigate, collector):
    await investigate()

    found = attributes(collector.named("invoke_agent")[0])
    assert found["gen_ai.operation.name"] == "invoke_agent"
    assert found["gen_ai.agent.name"] == "gcm-sentinel"
    assert found["gen_ai.conversation.id"] == "inc-1.2"


async def test_a_turn_says_who_answered_and_what_it_used(investigate, collector):
    await investigate()

    span = collector.named("chat")[0]
    assert span.kind == Span.SPAN_KIND_CLIENT
    assert attributes(span) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-5-5",
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 700,
        "gen_ai.usage.cache_creation.input_tokens": 100,
    }


async def test_a_tool_call_says_which_and_how_it_ended(investigate, collector):
    await investigate(status=ResultStatus.NO_DATA)

    span = collector.named("execute_tool")[0]
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert attributes(span) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_node_info",
        "gcm_sentinel.tool.status": "no_data",
    }


@pytest.mark.parametrize("status", [ResultStatus.ERROR, ResultStatus.UNAVAILABLE, None], ids=str)
async def test_a_tool_that_could_not_look_is_an_error(investigate, collector, status):
    await investigate(status=status)

    span = collector.named("execute_tool")[0]
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert attributes(span)["error.type"] == (status or "error")


async def test_a_turn_that_nobody_answered_is_an_error_without_words(tracing, observe, incident, collector):
    cut = Asked(Cut(Outcome.FAILED, SECRET), incident.opened_at, 1.0)
    async with tracing() as tracer:
        observer = observe(tracer)
        with observer.investigation(incident):
            await observer.steps(Unrecorded()).run("turn", lambda: answer(cut), AS_IS)

    span = collector.named("chat")[0]
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert attributes(span)["error.type"] == "failed"
    assert SECRET not in str(collector.requests)


async def test_a_step_that_raises_marks_itself_and_the_investigation_without_words(
    tracing, observe, incident, collector
):
    async with tracing() as tracer:
        observer = observe(tracer)
        with pytest.raises(Overloaded), observer.investigation(incident):
            await observer.steps(Unrecorded()).run("turn", lambda: fail(Overloaded(SECRET)), AS_IS)

    assert {span.status.code for span in collector.spans} == {Status.STATUS_CODE_ERROR}
    assert {attributes(span)["error.type"] for span in collector.spans} == {"Overloaded"}
    assert all(not span.status.message and not span.events for span in collector.spans)


async def test_no_words_of_prompts_and_results_leave_the_process(investigate, collector):
    await investigate()

    assert collector.spans
    assert SECRET not in str(collector.requests)


async def test_the_resource_names_service_version_and_replica(investigate, collector):
    await investigate()

    resource = attributes(collector.requests[0].resource_spans[0].resource)
    assert resource["service.name"] == "gcm-sentinel"
    assert resource["service.version"] == "1.2.3"
    assert resource["service.instance.id"] == "replica-1"


@pytest.mark.parametrize("suffix", ["", "/", "/v1/traces"])
async def test_the_path_is_added_where_the_endpoint_has_none(tracing, collector, suffix):
    async with tracing(endpoint=collector.url + suffix) as tracer:
        with tracer.span("work", {}):
            pass

    assert collector.paths == ["/v1/traces"]


async def test_replayed_steps_make_no_second_span_and_the_trace_goes_on(investigate, collector):
    record: list[object] = [ASKED]  # the process died after its first turn, whose span was sent

    await investigate(RecordedSteps(record))

    assert [span.name.split()[0] for span in collector.spans] == ["execute_tool", "invoke_agent"]


async def test_two_processes_that_work_on_one_investigation_make_one_trace(investigate, collector):
    await investigate()
    await investigate()

    assert len({span.trace_id for span in collector.spans}) == 1
    assert len({span.span_id for span in collector.named("invoke_agent")}) == 1
    assert len({span.span_id for span in collector.named("chat")}) == 2


async def test_two_investigations_at_a_time_are_two_traces(tracing, observe, incident, collector):
    other = type(incident)(id="inc-2", triggers=incident.triggers, opened_at=incident.opened_at)

    async with tracing() as tracer:
        observer = observe(tracer)

        async def one(which):
            with observer.investigation(which):
                await asyncio.sleep(0)
                await observer.steps(Unrecorded()).run("turn", lambda: answer(ASKED), AS_IS)

        await asyncio.gather(one(incident), one(other))

    roots = {span.trace_id: span.span_id for span in collector.named("invoke_agent")}
    assert len(roots) == 2
    assert all(roots[span.trace_id] == span.parent_span_id for span in collector.named("chat"))
