"""Settings pushed at run time: what is valid, versions, and what components say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import AGENT, JANE, Place

from sentinel_gateway.domain.configuration import (
    ComponentAck,
    ConfigChange,
    OverheadBudget,
    Payload,
    ProbeSchedule,
    SamplingRate,
    ScheduleEntry,
    Threshold,
    checked,
)
from sentinel_gateway.domain.errors import AlreadyThere, Invalid

ENTRY = ScheduleEntry(1, 60, 1.0, 1, enabled=True, timeout_ms=500)
VALID: dict[str, Payload] = {
    "a schedule": ProbeSchedule((ENTRY, replace(ENTRY, probe_type=2, enabled=False, period_s=0))),
    "a budget": OverheadBudget(0.0),
    "a rate": SamplingRate("inference_monitor", 1.0),
    "a threshold": Threshold("inference_monitor", "kl_divergence_threshold", -0.05),
}
INVALID: dict[str, Payload | None] = {
    "nothing": None,
    "an empty schedule": ProbeSchedule(()),
    "a type twice": ProbeSchedule((ENTRY, ENTRY)),
    "an unknown type": ProbeSchedule((replace(ENTRY, probe_type=8),)),
    "a period of 0": ProbeSchedule((replace(ENTRY, period_s=0),)),
    "more than all SMs": ProbeSchedule((replace(ENTRY, sm_coverage=1.01),)),
    "no number of SMs": ProbeSchedule((replace(ENTRY, sm_coverage=math.nan),)),
    "a timeout of days": ProbeSchedule((replace(ENTRY, timeout_ms=3_600_001),)),
    "more than the whole GPU": OverheadBudget(100.5),
    "less than nothing": OverheadBudget(-1),
    "a rate above 1": SamplingRate("telemetry", 1.5),
    "a rate of nobody": SamplingRate("", 0.5),
    "a threshold of nothing": Threshold("training_monitor", "", 1.0),
    "an infinite threshold": Threshold("training_monitor", "gradient_norm_sigma", math.inf),
}


async def test_every_kind_of_update_is_taken_and_kept(either: Place):
    async with either.running() as core:
        for number, payload in enumerate(VALID.values()):
            result = await core.apply_config(JANE, ConfigChange(payload, f"u-{number}", "operator:jane", "why"))
            assert (result.applied, result.version, result.error) == (True, number + 1, "")
    async with either.running() as core:
        kept = core.configuration().since(0)

    assert [update.payload for update in kept] == list(VALID.values())
    first = kept[0]
    assert (first.update_id, first.initiated_by, first.reason, first.pushed_by) == (
        "u-0",
        "operator:jane",
        "why",
        "jane",
    )


@pytest.mark.parametrize("name", INVALID)
def test_what_is_out_of_range_is_invalid(name: str):
    with pytest.raises(Invalid):
        checked(ConfigChange(INVALID[name], "u-1"))


async def test_what_is_invalid_is_not_applied_and_says_why(place: Place):
    async with place.running() as core:
        result = await core.apply_config(JANE, ConfigChange(OverheadBudget(100.5), "u-1"))

        assert (result.applied, result.version, result.update_id) == (False, 0, "u-1")
        assert result.error == "overhead_budget.budget_pct must be from 0 to 100, not 100.5"
        assert core.configuration().updates == {}


async def test_versions_grow_and_the_newest_of_a_subject_counts(either: Place):
    async with either.running() as core:
        for rate in (0.1, 0.2):
            await core.apply_config(JANE, ConfigChange(SamplingRate("telemetry", rate)))
    async with either.running() as core:
        result = await core.apply_config(JANE, ConfigChange(SamplingRate("inference_monitor", 0.3)))
        payloads = [update.payload for update in core.configuration().since(0)]

    assert result.version == 3
    assert payloads == [SamplingRate("telemetry", 0.2), SamplingRate("inference_monitor", 0.3)]


async def test_the_same_update_again_does_nothing(either: Place):
    change = ConfigChange(OverheadBudget(1.0), "u-1")
    async with either.running() as core:
        first = await core.apply_config(JANE, change)
        await core.apply_config(JANE, ConfigChange(OverheadBudget(2.0), "u-2"))
    async with either.running() as core:
        assert await core.apply_config(JANE, change) == first
        assert core.configuration().version == 2
        with pytest.raises(AlreadyThere):
            await core.apply_config(JANE, ConfigChange(OverheadBudget(3.0), "u-1"))


async def test_an_update_without_an_id_is_given_one(place: Place):
    async with place.running() as core:
        assert (await core.apply_config(JANE, ConfigChange(OverheadBudget(1.0)))).update_id


async def test_what_a_component_refused_is_recorded(place: Place):
    async with place.running() as core:
        await core.config_acked(AGENT, ComponentAck("node-1", "u-1", applied=True, version=1))
        entries = core.counters.entries
        await core.config_acked(AGENT, ComponentAck("node-1", "u-2", applied=False, error="no such probe"))

        assert core.counters.entries == entries + 1
        with pytest.raises(Invalid):
            await core.config_acked(AGENT, ComponentAck(""))
