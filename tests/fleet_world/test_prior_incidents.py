"""Incidents of the past: drawn with the world, served by nobody, and as strict as every other part of the file."""

from __future__ import annotations

import pytest

from sentinel_fleet.scenario import ScenarioError

HALT = {
    "at": "-5d", "lasted": "3h", "node": "${node}", "kinds": "GpuXid", "fault_class": "gpu_pmu_fault",
    "entities": [{"kind": "gpu", "node": "${node}", "index": "${gpu.index}", "uuid": "${gpu.uuid}"}],
    "taken": [{"action": "reset-gpu", "after": "1h"}],
}  # fmt: skip
DAY_S = 86_400


@pytest.fixture
def world(make_content, load_content, anchor):
    """Draw the minimal scenario with parts replaced."""

    def draw(variant=None, **changes):
        return load_content(make_content(**changes)).realise(7, anchor, variant, clock=lambda: anchor)

    return draw


def test_speak_of_what_was_drawn_in_times_before_the_trigger(world, anchor):
    drawn = world(prior_incidents=[HALT])

    (incident,) = drawn.prior_incidents
    assert incident.opened_at == anchor - 5 * DAY_S
    assert (incident.closed_at, incident.taken_at) == (incident.opened_at + 10_800, (incident.opened_at + 3600,))
    assert incident.told.entities[0].uuid == drawn.fleet.gpu(drawn.trigger.node, drawn.names["gpu"]).uuid


def test_come_newest_first_with_ids_that_stay(world):
    content = {"prior_incidents": [HALT, {**HALT, "at": "-2d"}]}

    first, again = world(**content).prior_incidents, world(**content).prior_incidents

    assert [incident.id for incident in first] == [incident.id for incident in again]
    assert first[0].opened_at > first[1].opened_at


def test_one_without_an_end_is_still_open(world):
    still = {key: value for key, value in HALT.items() if key != "lasted"}

    assert world(prior_incidents=[still]).prior_incidents[0].closed_at is None


@pytest.mark.parametrize(("chance", "found"), [(1.0, 2), (0.0, 1)])
def test_a_distractor_may_bring_its_own(world, chance, found):
    drawn = world(prior_incidents=[HALT], distractors=[{"chance": chance, "prior_incidents": [{**HALT, "at": "-9d"}]}])

    assert len(drawn.prior_incidents) == found


def test_a_variant_replaces_them(world):
    variants = {"none": {"prior_incidents": []}, "older": {"prior_incidents": [{**HALT, "at": "-50d"}]}, "same": {}}

    counts = {
        name: [round(item.opened_at) for item in world(name, prior_incidents=[HALT], variants=variants).prior_incidents]
        for name in variants
    }

    assert [len(found) for found in counts.values()] == [0, 1, 1]
    assert counts["older"] != counts["same"]


def test_a_variant_takes_the_records_away(world):
    drawn = world("lost", prior_incidents=[HALT], variants={"lost": {"without_source": ["history"]}})

    assert drawn.prior_incidents is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": "5d"}, "prior_incidents[0].at"),
        ({"lasted": "6d"}, "beyond T0"),
        ({"taken": [{"action": "reset-gpu", "after": "6d"}]}, "beyond T0"),
        ({"node": "gpu-r99-n01"}, "no node of this fleet"),
        ({"colour": "red"}, "unknown key; allowed: at, lasted"),
        ({"entities": [{"kind": "gpu", "shape": 1}]}, "prior_incidents[0].entities[0]"),
    ],
    ids=["future", "too-long", "repair-too-late", "node", "key", "key-inside"],
)
def test_a_mistake_is_one_line_that_says_where(world, change, words):
    with pytest.raises(ScenarioError) as caught:
        world(prior_incidents=[{**HALT, **change}])

    assert words in str(caught.value)
