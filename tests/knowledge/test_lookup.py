"""`lookup_knowledge` as a model calls it."""

from datetime import UTC, datetime

import pytest

from gcm_sentinel.datasources.knowledge_base import LOOKUP, KnowledgeBase
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SCOPE = Scope(Incident("i1", (Trigger("manual", "n1", "GpuXid", TriggerStatus.PROBLEM, "", "", NOW),), NOW))


@pytest.fixture
def look_up():
    async def run(**arguments):
        return await KnowledgeBase().execute(ToolCall("c1", LOOKUP.name, arguments), SCOPE)

    return run


async def test_entries_carry_meaning_actions_and_sources_in_full(look_up):
    result = await look_up(kind="xid", keys=["79"])

    found = result.summary["entries"][0]
    assert result.status is ResultStatus.OK
    assert (found["name"], found["immediate"]) == ("ROBUST_CHANNEL_GPU_HAS_FALLEN_OFF_THE_BUS", "RESTART_BM")
    assert "docs.nvidia.com" in found["source"]


async def test_missing_keys_are_named_beside_found_ones(look_up):
    result = await look_up(kind="xid", keys=["48", "9999"])

    assert result.summary["missing"] == ["9999"]
    assert len(result.summary["entries"]) == 1


async def test_nothing_found_is_no_data(look_up):
    assert (await look_up(kind="xid", keys=["9999"])).status is ResultStatus.NO_DATA


async def test_without_keys_a_short_table_is_listed_whole(look_up):
    result = await look_up(kind="recovery_action")

    assert [entry["key"] for entry in result.summary["entries"]] == ["0", "1", "2", "3", "4", "5"]


async def test_without_keys_a_long_table_asks_for_keys(look_up):
    result = await look_up(kind="sxid")

    assert result.status is ResultStatus.ERROR
    assert "name up to 40 keys" in result.note


async def test_limits_of_a_rule_stand_in_its_notes(look_up):
    result = await look_up(kind="remap", keys=["bank_uncorrectable"])

    assert "limit: 8" in result.summary["entries"][0]["notes"]


@pytest.mark.parametrize(
    "arguments", [{}, {"kind": "astrology"}, {"kind": ["xid"]}, {"kind": "xid", "keys": {"a": 1}}], ids=str
)
async def test_wrong_arguments_are_answered_in_words(look_up, arguments):
    result = await look_up(**arguments)

    assert result.status is ResultStatus.ERROR
    assert result.note


async def test_numbers_and_comma_lists_count_as_keys(look_up):
    assert len((await look_up(kind="xid", keys=[48, 63])).summary["entries"]) == 2
    assert len((await look_up(kind="xid", keys="48, 63")).summary["entries"]) == 2
