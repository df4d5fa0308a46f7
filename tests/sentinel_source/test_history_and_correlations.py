"""`get_sentinel_history` and `get_sentinel_correlations`: what happened to a GPU, and what points at which SM."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.sentinel_source.gateway_double import gpu_health, uuids
from tests.sentinel_source.given import NODE, NOW

from gcm_sentinel.clients.sentinel.gateway import MAX_PAGES
from gcm_sentinel.domain.evidence import ResultStatus
from sentinel.v1 import correlation_pb2, health_pb2

ONE, TWO = uuids(2)
State: TypeAlias = health_pb2.GpuHealthState.ValueType
HEALTHY, SUSPECT, OUT = (State(number) for number in (1, 2, 3))


def at(hours_ago: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime((NOW - timedelta(hours=hours_ago)).replace(tzinfo=None))
    return stamp


def pattern(number: int, uuid: str = ONE, **told) -> correlation_pb2.CorrelationEvent:
    event = correlation_pb2.CorrelationEvent(
        event_id=f"c-{number}", events_correlated=[f"e-{number}a", f"e-{number}b"],
        confidence=told.pop("confidence", 0.85),
        pattern_type=told.pop("kind", correlation_pb2.PATTERN_TYPE_SM_LOCALIZED), timestamp=at(number), **told,
    )  # fmt: skip
    event.attributed_gpu.uuid, event.attributed_gpu.hostname = uuid, NODE
    return event


def change(before: State, after: State, hours_ago: float, reason: str = "") -> correlation_pb2.StateTransition:
    return correlation_pb2.StateTransition(
        from_state=before, to_state=after, timestamp=at(hours_ago), reason=reason, initiated_by="operator:jane"
    )


async def test_tells_changes_with_reason_and_author_newest_first(double, ask):
    page = correlation_pb2.GpuHistoryResponse()
    page.state_transitions.extend(
        [change(HEALTHY, SUSPECT, 30, "3 failures on SM 5"), change(SUSPECT, OUT, 2, "runbook 12")]
    )
    double.histories[ONE] = [page]

    result = await ask("get_sentinel_history", gpu=ONE)

    newest, oldest = result.summary["transitions"]
    assert (newest["before"], newest["after"], newest["by"]) == ("SUSPECT", "QUARANTINED", "operator:jane")
    assert (oldest["reason"], result.summary["times_in"]) == ("3 failures on SM 5", {"QUARANTINED": 1, "SUSPECT": 1})
    assert "SUSPECT -> QUARANTINED by operator:jane: runbook 12" in result.raw


async def test_tells_the_shape_of_the_score(double, ask):
    page = correlation_pb2.GpuHistoryResponse()
    for hours, score in ((5, 0.999), (4, 0.998), (3, 0.95)):
        page.reliability_history.add(timestamp=at(hours), reliability_score=score)
    double.histories[ONE] = [page]

    shape = (await ask("get_sentinel_history", gpu=ONE)).summary["reliability"]

    assert (shape["points"], shape["first"], shape["last"], shape["constant"]) == (3, 0.999, 0.95, False)


async def test_reads_all_pages_up_to_a_bound_and_says_so(double, ask):
    page = correlation_pb2.GpuHistoryResponse()
    page.state_transitions.append(change(HEALTHY, SUSPECT, 1))
    double.histories[ONE] = [page] * (MAX_PAGES + 1)

    result = await ask("get_sentinel_history", gpu=ONE)

    assert (result.summary["transitions_total"], result.summary["cut"]) == (MAX_PAGES, True)
    assert "fewer days" in result.note


async def test_a_known_gpu_without_record_is_no_proof_of_health(double, ask):
    double.histories[ONE] = [correlation_pb2.GpuHistoryResponse()]

    result = await ask("get_sentinel_history", gpu=ONE)

    assert result.status is ResultStatus.NO_DATA
    assert "not that the GPU is sound" in result.note
    assert result.time_range.start == NOW - timedelta(days=7)


WRONG = [{}, {"gpu": ONE, "days": 400}, {"gpu": "GPU 3"}]


@pytest.mark.parametrize("arguments", WRONG, ids=["no-gpu", "days", "index"])
async def test_a_wrong_question_is_answered_in_words(double, ask, arguments):
    result = await ask("get_sentinel_history", **arguments)

    assert (result.status, double.asked) == (ResultStatus.ERROR, [])


async def test_patterns_of_all_gpus_of_the_node_the_most_confident_first(double, ask):
    double.gpus = [gpu_health(ONE, NODE, 0), gpu_health(TWO, NODE, 1), gpu_health(uuids(3)[2], f"{NODE}0")]
    sm = health_pb2.SmHealth().sm
    sm.sm_id = 17
    localised = correlation_pb2.GpuHistoryResponse(correlations=[pattern(1, attributed_sm=sm)])
    confirmed = pattern(2, TWO, kind=correlation_pb2.PATTERN_TYPE_TMR_CONFIRMED, confidence=0.95)
    double.histories = {ONE: [localised], TWO: [correlation_pb2.GpuHistoryResponse(correlations=[confirmed])]}

    summary = (await ask("get_sentinel_correlations")).summary

    assert [(item["kind"], item["gpu"]) for item in summary["patterns"]] == [
        ("TMR_CONFIRMED", TWO),
        ("SM_LOCALIZED", ONE),
    ]
    assert (summary["sms"], summary["patterns"][1]["events"]) == ([17], ["e-1a", "e-1b"])
    assert summary["gpus"] == [ONE, TWO]


async def test_no_pattern_is_no_data(double, ask):
    double.gpus = [gpu_health(ONE, NODE)]
    double.histories[ONE] = [correlation_pb2.GpuHistoryResponse()]

    assert (await ask("get_sentinel_correlations")).status is ResultStatus.NO_DATA
