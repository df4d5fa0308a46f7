"""What observed steps count, beside their spans."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.tracing.pieces import AS_IS, ASKED, RecordedSteps, Source, answer, asking, fail

from gcm_sentinel.app.observation import ObservedSource
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.errors import Overloaded
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.tracing import NoTracing
from gcm_sentinel.engine.recorded import Asked, Cut, Gathered


@pytest.fixture
def observer(observe):
    return observe(NoTracing())


def value(observer, name, **labels):
    """One sample of what the observer's metrics expose; None when there is none."""
    for family in text_string_to_metric_families(observer.metrics.expose().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


async def test_a_turn_counts_tokens_apart_and_its_cost(observer):
    await observer.steps(Unrecorded()).run("turn", lambda: answer(ASKED), AS_IS)

    who = {"engine": "anthropic", "model": "claude-sonnet-5-5"}
    name = "gcm_sentinel_model_tokens_total"
    assert [value(observer, name, **who, type=type_) for type_ in ("input", "cached", "output")] == [200, 700, 50]
    assert value(observer, "gcm_sentinel_model_cost_usd_total", **who) == 0.01


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.PARTIAL])
async def test_a_turn_that_nobody_answered_counts_by_how_it_ends_the_investigation(observer, incident, outcome):
    cut = Asked(Cut(outcome, "busy"), incident.opened_at, 1.0)

    await observer.steps(Unrecorded()).run("turn", lambda: answer(cut), AS_IS)

    assert value(observer, "gcm_sentinel_model_turn_failures_total", outcome=outcome) == 1


@pytest.mark.parametrize("status", list(ResultStatus))
async def test_a_tool_call_counts_by_status(observer, incident, status):
    source = ObservedSource(Source(status))

    await observer.steps(Unrecorded()).run("tool:get_node_info", asking(source, incident), AS_IS)

    assert value(observer, "gcm_sentinel_tool_calls_total", tool="get_node_info", status=status) == 1
    assert value(observer, "gcm_sentinel_tool_call_duration_seconds_count", tool="get_node_info") == 1


async def test_a_source_that_raises_counts_as_an_error(observer, incident):
    source = ObservedSource(Source(None))

    await observer.steps(Unrecorded()).run("tool:get_node_info", asking(source, incident), AS_IS)

    assert value(observer, "gcm_sentinel_tool_calls_total", tool="get_node_info", status="error") == 1


async def test_calls_side_by_side_keep_their_own_status(observer, incident):
    steps = observer.steps(Unrecorded())
    sources = {status: ObservedSource(Source(status)) for status in ResultStatus}

    await asyncio.gather(
        *(steps.run(f"tool:{name}", asking(source, incident), AS_IS) for name, source in sources.items())
    )

    name = "gcm_sentinel_tool_calls_total"
    assert [value(observer, name, tool=status, status=status) for status in ResultStatus] == [1, 1, 1, 1]


async def test_a_tool_that_a_model_made_up_gets_no_label_of_its_own(observer):
    refused = Gathered(None, refusal="Unknown tool: rm_rf.")

    await observer.steps(Unrecorded()).run("tool:rm_rf", lambda: answer(refused), AS_IS)

    assert value(observer, "gcm_sentinel_tool_calls_total", tool="other", status="refused") == 1
    assert b"rm_rf" not in observer.metrics.expose()


async def test_a_tool_that_crashes_is_counted_and_its_error_passes(observer):
    with pytest.raises(RuntimeError):
        await observer.steps(Unrecorded()).run("tool:get_node_info", lambda: fail(RuntimeError()), AS_IS)

    assert value(observer, "gcm_sentinel_tool_calls_total", tool="get_node_info", status="crashed") == 1


async def test_a_replayed_turn_counts_as_replayed_and_costs_nothing_again(observer):
    await observer.steps(RecordedSteps([ASKED])).run("turn", lambda: answer(ASKED), AS_IS)

    assert value(observer, "gcm_sentinel_steps_total", kind="turn", how="replayed") == 1
    assert value(observer, "gcm_sentinel_steps_total", kind="turn", how="recorded") == 0
    assert b"claude-sonnet-5-5" not in observer.metrics.expose()


async def test_a_replayed_failure_is_raised_again_and_counts_as_replayed(observer):
    steps = observer.steps(RecordedSteps([Overloaded("busy")]))

    with pytest.raises(Overloaded):
        await steps.run("turn", lambda: answer(ASKED), AS_IS)

    assert value(observer, "gcm_sentinel_steps_total", kind="turn", how="replayed") == 1
