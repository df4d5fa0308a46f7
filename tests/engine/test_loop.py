"""The loop ends every investigation in an assessment that says how it was reached."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.errors import Forbidden, Unreachable
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.transcript import ModelTurn, Nudge, StopReason, ToolCall, ToolReplies


async def test_concludes_with_the_checked_submission(make_loop, canned, incident, calling, submitting, submission):
    loop = make_loop([calling("read_kernel_log"), submitting(submission)], canned)

    done = await loop.investigate(incident)

    assert done.assessment.outcome is Outcome.CONCLUDED
    assert done.assessment.draft.fault_class is FaultClass.GPU_OFF_BUS
    assert [item.id for item in done.evidence] == ["E1"]
    assert done.assessment.spend.tool_calls == 1


async def test_answers_parallel_calls_in_call_order(
    make_loop, source_of, incident, bus_result, calling, submission, submitting
):
    source = source_of({"a": bus_result, "b": bus_result, "c": bus_result})
    loop = make_loop([calling("c", "a", "b"), submitting(submission)], source)

    done = await loop.investigate(incident)

    assert [(item.id, item.tool) for item in done.evidence] == [("E1", "c"), ("E2", "a"), ("E3", "b")]


async def test_returns_an_invalid_assessment_and_accepts_the_corrected_one(
    make_loop, canned, incident, calling, submitting, submission
):
    wrong = {**submission, "fault_class": "gremlins"}
    loop = make_loop([calling("read_kernel_log"), submitting(wrong), submitting(submission)], canned)

    done = await loop.investigate(incident)

    refusal = [entry for entry in done.transcript.entries if isinstance(entry, ToolReplies)][1].replies[0]
    assert refusal.is_error
    assert "fault_class" in refusal.content
    assert done.assessment.outcome is Outcome.CONCLUDED


async def test_gives_up_after_too_many_invalid_assessments(make_loop, canned, incident, submitting):
    loop = make_loop([submitting({})] * 10, canned, Limits(corrections=2))

    done = await loop.investigate(incident)

    assert done.assessment.outcome is Outcome.FAILED
    assert "no valid assessment in 3 tries" in done.assessment.draft.summary


async def test_lets_the_model_mend_a_claim_that_would_be_struck(
    make_loop, canned, incident, calling, submitting, submission
):
    lying = {**submission, "claims": [{"text": "x", "cites": [{"evidence": "E1", "quote": "never was there"}]}]}
    loop = make_loop([calling("read_kernel_log"), submitting(lying), submitting(submission)], canned)

    done = await loop.investigate(incident)

    assert done.assessment.struck == ()
    assert done.assessment.draft.confidence == pytest.approx(0.9)


async def test_strikes_what_the_model_insists_on(make_loop, canned, incident, calling, submitting, submission):
    lying = {**submission, "claims": [{"text": "x", "cites": [{"evidence": "E1", "quote": "never was there"}]}]}
    loop = make_loop([calling("read_kernel_log"), *[submitting(lying)] * 5], canned, Limits(corrections=2))

    done = await loop.investigate(incident)

    assert done.assessment.outcome is Outcome.INCONCLUSIVE
    assert len(done.assessment.struck) == 1


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(rounds=3), "3 model turns"),
        (Limits(tokens=250), "250 tokens"),
        (Limits(cost_usd=0.5), "0.5 USD"),
    ],
    ids=["rounds", "tokens", "money"],
)
async def test_a_dry_budget_ends_in_an_honest_partial_answer(make_loop, canned, incident, calling, limits, says):
    loop = make_loop([calling("read_kernel_log")] * 9, canned, limits, price=0.2)

    done = await loop.investigate(incident)

    assert done.assessment.outcome is Outcome.PARTIAL
    assert done.assessment.draft.fault_class is FaultClass.INCONCLUSIVE
    assert says in done.assessment.draft.not_checked[0]


async def test_tells_the_model_before_its_last_turn(make_loop, canned, incident, calling, submitting, submission):
    loop = make_loop([calling("read_kernel_log"), submitting(submission)], canned, Limits(rounds=2))

    done = await loop.investigate(incident)

    assert any(isinstance(entry, Nudge) and "last turn" in entry.text for entry in done.transcript.entries)
    assert done.assessment.outcome is Outcome.CONCLUDED


class HangingModel:
    """A model whose turn never ends."""

    name = "hanging"

    async def turn(self, transcript, tools):
        await asyncio.Event().wait()


async def test_a_model_that_never_answers_is_ended_by_the_wall_clock(make_loop, canned, incident):
    loop = make_loop(HangingModel(), canned, Limits(wall=timedelta(seconds=1)))

    done = await loop.investigate(incident)

    assert done.assessment.outcome is Outcome.PARTIAL
    assert "no answer within the limit of 1 s" in done.assessment.draft.summary


@pytest.mark.parametrize("error", [Forbidden("the key was refused"), Unreachable("no route")], ids=["key", "network"])
async def test_a_model_that_cannot_go_on_ends_in_a_failed_assessment(make_loop, canned, incident, error):
    loop = make_loop([error], canned)

    done = await loop.investigate(incident)

    assert done.assessment.outcome is Outcome.FAILED
    assert str(error) in done.assessment.draft.summary


async def test_asks_again_when_a_turn_calls_no_tool(make_loop, canned, incident, calling, submitting, submission):
    talk = ModelTurn("I think it is the bus.", (), StopReason.END)
    loop = make_loop([talk, calling("read_kernel_log"), submitting(submission)], canned)

    done = await loop.investigate(incident)

    assert isinstance(done.transcript.entries[1], Nudge)
    assert done.assessment.outcome is Outcome.CONCLUDED


async def test_malformed_and_unknown_calls_are_answered_and_not_run(
    make_loop, canned, incident, calling, submitting, submission
):
    broken = ModelTurn(
        "",
        (ToolCall("x", "read_kernel_log", {}, malformed='{"node'), ToolCall("y", "rm_rf", {})),
        StopReason.TOOL_USE,
    )
    loop = make_loop([broken, calling("read_kernel_log"), submitting(submission)], canned)

    done = await loop.investigate(incident)

    replies = done.transcript.entries[1].replies
    assert [reply.is_error for reply in replies] == [True, True]
    assert "Unknown tool: rm_rf" in replies[1].content
    assert len(canned.seen) == 1


class CrashingModel:
    """A model with a bug."""

    name = "crashing"

    async def turn(self, transcript, tools):
        raise KeyError("secret detail")


async def test_a_bug_of_ours_ends_in_a_failed_assessment_too(make_loop, canned, incident):
    done = await make_loop(CrashingModel(), canned).investigate(incident)

    assert done.assessment.outcome is Outcome.FAILED
    assert "a fault inside the agent (KeyError)" in done.assessment.draft.summary
    assert "secret detail" not in repr(done.assessment)


async def test_time_spent_in_tools_counts(make_loop, canned, clock, incident, bus_result, calling, monkeypatch):
    async def slow(call, scope):
        clock.elapsed_s += 700
        return bus_result

    monkeypatch.setattr(canned, "execute", slow)
    loop = make_loop([calling("read_kernel_log")] * 3, canned)

    done = await loop.investigate(incident)

    assert done.assessment.spend.rounds == 1
    assert "600 s" in done.assessment.draft.not_checked[0]


@pytest.mark.parametrize(
    "odd",
    [None, {"raw": b"bytes"}, {"summary": {1: "a", "b": 2}}],
    ids=["nothing", "bytes", "keys-that-are-no-text"],
)
async def test_a_result_that_is_none_is_an_error_result(
    make_loop, source_of, incident, bus_result, calling, submitting, submission, odd
):
    source = source_of({"read_kernel_log": bus_result, "odd": odd and replace(bus_result, **odd)})
    loop = make_loop([calling("read_kernel_log", "odd"), submitting(submission)], source)

    done = await loop.investigate(incident)

    assert [item.result.status for item in done.evidence] == [ResultStatus.OK, ResultStatus.ERROR]
    assert done.assessment.outcome is Outcome.CONCLUDED


async def test_a_crashing_source_is_an_error_result_not_a_crash(
    make_loop, source_of, incident, bus_result, calling, submitting, submission
):
    source = source_of({"read_kernel_log": bus_result, "boom": RuntimeError("secret detail")})
    loop = make_loop([calling("read_kernel_log", "boom"), submitting(submission)], source)

    done = await loop.investigate(incident)

    assert [item.result.status for item in done.evidence] == [ResultStatus.OK, ResultStatus.ERROR]
    assert done.assessment.outcome is Outcome.CONCLUDED


async def test_an_unknown_price_makes_the_cost_unknown_not_zero(
    make_loop, canned, incident, calling, submitting, submission
):
    loop = make_loop([calling("read_kernel_log"), submitting(submission)], canned, price=None)

    done = await loop.investigate(incident)

    assert done.assessment.spend.cost_usd is None


async def test_a_refusal_of_the_last_engine_ends_in_a_failed_assessment(make_loop, canned, incident):
    loop = make_loop([ModelTurn("I cannot help with that.", (), StopReason.REFUSAL)], canned)

    done = await loop.investigate(incident)

    assert done.assessment.outcome is Outcome.FAILED
    assert "I cannot help with that." in done.assessment.draft.summary
