"""`get_incident_history`: no record, no store, a store out of reach, and questions it does not take."""

from __future__ import annotations

import pytest
from tests.history_source.given import SCOPE, source_over

from gcm_sentinel.app.prior_incidents import PriorIncidents, RecordsLost
from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.transcript import ToolCall

CALL = ToolCall("c1", "get_incident_history", {})


async def test_no_record_says_from_when_records_exist(ask, happened):
    result = await ask([happened(40, gpu("n9", index=0), node="n9")])

    assert result.status is ResultStatus.NO_DATA
    assert result.note.count("2026-10-11") == 1
    assert "nobody reported" in result.note
    assert result.summary["kept_since"] == "2026-10-11T20:00:00Z"


async def test_an_empty_store_says_nothing_about_the_part(ask):
    result = await ask([])

    assert result.status is ResultStatus.NO_DATA
    assert result.summary["kept_since"] is None
    assert "says nothing" in result.note


async def test_without_a_store_it_says_how_to_connect_one():
    source = source_over(None)

    result = await source.execute(CALL, SCOPE)

    assert result.status is ResultStatus.UNAVAILABLE
    assert "GCM_SENTINEL_DATABASE_URL" in result.note
    assert not (await source.is_available()).usable


async def test_a_store_out_of_reach_is_unavailable():
    source = source_over(RecordsLost())

    result = await source.execute(CALL, SCOPE)

    assert result.status is ResultStatus.UNAVAILABLE
    assert "does not answer" in result.note
    assert "does not answer" in (await source.is_available()).reason


async def test_a_store_that_answers_is_usable():
    assert (await source_over(PriorIncidents(())).is_available()).usable


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"gpu": "3"}, "UUID"),
        ({"gpu": "GPU-1' or 1=1"}, "UUID"),
        ({"fault_class": "bad_luck"}, "bad_luck"),
        ({"days": 0}, "days"),
        ({"days": 4000}, "366"),
        ({"node_name": "../etc"}, "node"),
    ],
    ids=["index", "injection", "class", "no-days", "too-many-days", "node"],
)
async def test_a_wrong_question_is_answered_in_words(ask, arguments, word):
    result = await ask([], **arguments)

    assert result.status is ResultStatus.ERROR
    assert word in result.note


async def test_a_tool_of_another_source_is_refused():
    result = await source_over(PriorIncidents(())).execute(ToolCall("c1", "get_node_info", {}), SCOPE)

    assert result.status is ResultStatus.ERROR
