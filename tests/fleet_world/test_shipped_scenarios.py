"""Every scenario in the repository can be drawn, with every variant, and gives nothing of its answer away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel_fleet.ports import LabelMatcher
from sentinel_fleet.scenario import load

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "evals" / "scenarios"
SCENARIOS = sorted(path.parent for path in FOLDER.glob("*/scenario.yaml"))


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda path: path.name)
def scenario(request):
    """Read once for all that is to be said of it."""
    return load(request.param)


def test_can_be_drawn_from_any_seed(scenario, anchor):
    cases = [(seed, None) for seed in (1, 2, 3)] + [(4, variant) for variant in scenario.variants]
    for seed, variant in cases:
        world = scenario.realise(seed, anchor, variant, clock=lambda: anchor)
        kinds = {item["kind"] for item in world.objects()}
        assert {"Node", "Pod", "DaemonSet", "Namespace"} <= kinds
        assert list(world.series.select([LabelMatcher("__name__", "=", "up")]))


def test_serves_no_word_of_its_answer(scenario, anchor):
    world = scenario.realise(3, anchor, clock=lambda: anchor)
    served = [json.dumps(list(world.objects())), json.dumps(world.alerts(anchor))]
    served += ["\n".join(world.logs.kernel_log(node.name, anchor)) for node in world.fleet.nodes]

    text = "\n".join(served)

    secrets = {scenario.id, scenario.title, *scenario.content.expect["fault_class"]}
    assert [word for word in secrets if word in text] == []


def test_shows_its_trigger_at_t0(scenario, anchor):
    world = scenario.realise(2, anchor, clock=lambda: anchor)
    node = next(
        item for item in world.objects() if item["kind"] == "Node" and item["metadata"]["name"] == world.trigger.node
    )

    status = {item["type"]: item["status"] for item in node["status"]["conditions"]}

    if world.trigger.condition is None:
        assert world.trigger.alert
    else:
        assert status[world.trigger.condition] != ("True" if world.trigger.condition == "Ready" else "False")
