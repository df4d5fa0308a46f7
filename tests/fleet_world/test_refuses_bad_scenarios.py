"""A mistake in a scenario is one line that names the file, the place, the value and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel_fleet.scenario import ScenarioError, load


def _fact(kind: str, **body: object) -> dict[str, Any]:
    return {"facts": [{kind: {"node": "${node}", **body}}], "trigger": {"node": "${node}", "alert": "A"}}


MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown top-level key": ({"colour": 1}, ": 'colour'", "unknown key; allowed: schema, id"),
    "unknown kind of fact": ({"facts": [{"explosion": {}}]}, "facts[0]: 'explosion'", "allowed: kernel, boot"),
    "unknown key of a fact": (_fact("boot", at="0s", clean=True, when="1m"), "facts[0].boot: 'when'", "clean"),
    "duration without a unit": (_fact("boot", at="-40", clean=True), "facts[0].boot.at: '-40'", "-40s"),
    "number for a duration": (_fact("boot", at=-40, clean=True), "facts[0].boot.at: -40", "a duration such as"),
    "node outside the fleet": (
        {"facts": [{"cordon": {"node": "gpu-r99-n01"}}]},
        "facts[0].cordon.node[0]: 'gpu-r99-n01'",
        "no node of this fleet",
    ),
    "GPU index out of range": (
        _fact("metric", name="X", gpu=12, set=1),
        "facts[0].metric.gpu[0]: 12",
        "no GPU index",
    ),
    "two effects": (_fact("metric", name="X", set=1, add=2), "facts[0].metric", "exactly one of set, add"),
    "status read as a boolean": (
        _fact("condition", type="T", status=True, reason="R"),
        "facts[0].condition.status: True",
        "'True', 'False' or 'Unknown'",
    ),
    "unknown draw name": (
        _fact("kernel", lines=["${gpuu.pci}"]),
        "facts[0].kernel.lines[0]: '${gpuu.pci}'",
        "drawn so far: T0, node, gpu",
    ),
    "unknown field of a draw": (
        _fact("kernel", lines=["${gpu.bus}"]),
        "facts[0].kernel.lines[0]: '${gpu.bus}'",
        "no field 'bus'; allowed: index, uuid",
    ),
    "unknown generator": ({"draw": {"x": {"dice": {}}}}, "draw.x: 'dice'", "allowed: node, nodes, gpu"),
    "more nodes than there are": (
        {"draw": {"node": {"node": {}}, "many": {"nodes": {"count": 9}}}},
        "draw.many.nodes.count: 9",
        "only 3 nodes fit",
    ),
    "trigger that no fact sets": (
        {"trigger": {"node": "${node}", "condition": "GpuEcc"}},
        "trigger.condition: 'GpuEcc'",
        "set there: GpuXid",
    ),
    "trigger set too late": (
        {"facts": [{"condition": {"node": "${node}", "at": "5s", "type": "GpuXid", "status": "True", "reason": "R"}}]},
        "trigger.condition: 'GpuXid'",
        "by a fact at 0s or before",
    ),
    "trigger of both kinds": (
        {"trigger": {"node": "${node}", "condition": "GpuXid", "alert": "A"}},
        "trigger",
        "exactly one of `condition` and `alert`",
    ),
    "bad pattern in expect": (
        {"expect": {"fault_class": ["x"], "severity": ["info"], "never_claim": ["("]}},
        "expect.never_claim[0]: '('",
        "not a regular expression",
    ),
    "log of no pod": (
        {"facts": [{"pod_log": {"pod": "p", "namespace": "n", "lines": ["x"]}}]},
        "facts[0].pod_log",
        "no pod of this world",
    ),
    "earlier boot without a boot": (
        _fact("kernel", at="-1h", boot=-1, lines=["x"]),
        "facts[0].kernel.boot: -1",
        "no `boot` fact",
    ),
    "mistake in a distractor": (
        {"distractors": [{"chance": 0.0, "facts": [{"cordon": {"node": "nowhere"}}]}]},
        "distractors[0].facts[0].cordon.node[0]: 'nowhere'",
        "no node of this fleet",
    ),
    "mistake in a variant": (
        {"variants": {"dark": {"fleet": {"exporter": "none"}}}},
        "fleet.exporter: 'none'",
        "'default' or 'extended'",
    ),
}


@pytest.mark.parametrize(("changes", "place", "allowed"), MISTAKES.values(), ids=MISTAKES.keys())
def test_names_file_place_value_and_what_is_allowed(make_content, load_content, changes, place, allowed):
    data = make_content(**changes)

    with pytest.raises(ScenarioError) as raised:
        load_content(data)

    message = str(raised.value)
    assert "case.yaml: " in message
    assert place in message
    assert allowed in message
    assert "\n" not in message


def test_refuses_a_key_that_stands_twice(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("schema: gcm-sentinel/scenario/v1\nid: a\nid: b\n", encoding="utf-8")

    with pytest.raises(ScenarioError, match=r"twice\.yaml: line 3: not YAML: the key 'id' stands twice"):
        load(file)


def test_says_that_a_file_cannot_be_read(tmp_path):
    with pytest.raises(ScenarioError, match=r"none\.yaml: file: cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_refuses_an_unknown_variant(make_content, load_content, anchor):
    scenario = load_content(make_content(variants={"dark": {}}))

    with pytest.raises(ScenarioError, match="no such variant; allowed: dark"):
        scenario.realise(1, anchor, "bright")
