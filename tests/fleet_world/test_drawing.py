"""What the seed decides, and what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

EVERYTHING = {
    "node": {"node": {}},
    "rack_mate": {"node": {"rack": "node"}},
    "gpu": {"gpu": {"of": "node"}},
    "nic": {"nic": {"of": "node"}},
    "count": {"int": {"from": 3, "to": 900}},
    "share": {"float": {"from": 0, "to": 1, "digits": 4}},
    "lead": {"duration": {"from": "4m", "to": "90m"}},
    "pick": {"choice": ["a", "b", "c"]},
    "team": {"word": {"kind": "team"}},
    "pid": {"pid": {}},
    "va": {"hex": {"digits": 8}},
    "job": {"workload": {"on": ["node", "rack_mate"], "kind": "JobSet"}},
}


def _served(world, anchor):
    text = json.dumps(list(world.objects()), sort_keys=True)
    logs = [world.logs.kernel_log(node.name, anchor) for node in world.fleet.nodes]
    return text, logs


def test_the_same_seed_gives_the_same_world(make_world, anchor):
    first, second = (make_world(draw=EVERYTHING, seed=5) for _ in range(2))

    assert first.names == second.names
    assert _served(first, anchor) == _served(second, anchor)


def test_another_seed_changes_names_indices_addresses_and_times(make_world):
    worlds = [make_world(draw=EVERYTHING, seed=seed) for seed in range(1, 7)]

    for name in ("node", "gpu", "count", "share", "lead", "pid", "va", "job"):
        assert len({str(world.names[name]) for world in worlds}) > 1, name
    assert len({world.fleet.pci for world in worlds}) == 6
    assert len({world.fleet.gpu(world.fleet.nodes[0].name, 0).uuid for world in worlds}) == 6


def test_another_prefix_changes_node_names_and_nothing_else_that_is_drawn(make_world):
    fleets = [{"racks": 2, "nodes_per_rack": 2, "node_prefix": prefix} for prefix in ("gpu", "hgx")]

    gpu, hgx = (make_world(draw=EVERYTHING, fleet=fleet).names for fleet in fleets)

    assert str(gpu["node"]).replace("gpu-", "hgx-") == hgx["node"]
    assert {key: gpu[key] for key in ("gpu", "count", "lead", "job")} == {
        key: hgx[key] for key in ("gpu", "count", "lead", "job")
    }


def test_adding_a_draw_changes_no_other(make_world):
    before = make_world(draw=EVERYTHING).names
    after = make_world(draw={"early": {"pid": {}}, **EVERYTHING}).names

    assert {name: after[name] for name in before} == before


def test_a_node_is_never_drawn_twice(make_world):
    draw: dict[str, Any] = {f"n{number}": {"node": {}} for number in range(4)}

    world = make_world(draw={**draw, "node": {"choice": ["${n0}"]}})

    assert len({world.names[name] for name in draw}) == 4


@pytest.mark.parametrize(
    ("arguments", "same"),
    [({"rack": "same"}, "rack"), ({"leaf": "same"}, "leaf"), ({"power_feed": "same"}, "power_feed")],
    ids=["rack", "leaf", "power feed"],
)
def test_nodes_can_share_a_topology_key(make_world, arguments, same):
    draw = {"node": {"node": {}}, "others": {"nodes": {"count": "all", "as": "node", **arguments}}}

    world = make_world(draw=draw, fleet={"racks": 6, "nodes_per_rack": 3})

    node = world.fleet.by_name[world.names["node"]]
    expected = {item.name for item in world.fleet.nodes if getattr(item, same) == getattr(node, same)} - {node.name}
    assert set(world.names["others"]) == expected


def test_a_lone_reference_keeps_its_type_and_text_does_not(make_world):
    expect = {
        "fault_class": ["x"],
        "severity": ["info"],
        "entities": [{"index": "${gpu}", "name": "GPU ${gpu.index} of ${node}", "literal": "$${gpu}"}],
    }

    world = make_world(expect=expect)

    entity = world.expect["entities"][0]
    assert entity["index"] == world.names["gpu"]
    assert entity["name"] == f"GPU {world.names['gpu']} of {world.names['node']}"
    assert entity["literal"] == "${gpu}"


def test_instants_are_written_from_durations(make_world, anchor):
    expect = {"fault_class": ["x"], "severity": ["info"], "entities": [{"at": "@-45m", "text": "ends @{+1h}."}]}

    entity = make_world(expect=expect).expect["entities"][0]

    assert entity == {"at": "2026-09-21T13:28:20Z", "text": "ends 2026-09-21T15:13:20Z."}


def test_the_fleet_may_use_what_is_drawn_before_the_first_node(make_world):
    draw = {"days": {"int": {"from": 7, "to": 7}}, "node": {"node": {}}}

    world = make_world(draw=draw, fleet={"racks": 1, "boot_age": "${days}d"})

    assert world.fleet.spec.boot_age == 7 * 86400


def test_distractors_are_in_by_chance(make_world, anchor):
    groups = [{"chance": 0.5, "facts": [{"kernel": {"node": "${node}", "at": "-1h", "lines": ["a distraction"]}}]}]
    worlds = [make_world(distractors=groups, seed=seed) for seed in range(20)]

    seen = [any("a distraction" in line for line in w.logs.kernel_log(w.trigger.node, anchor)) for w in worlds]

    assert 3 <= sum(seen) <= 17


def test_a_variant_adds_facts_and_overrides_fleet_and_expect(make_world, anchor):
    variant = {
        "facts": [{"kernel": {"node": "${node}", "at": "-1h", "lines": ["only in the variant"]}}],
        "fleet": {"exporter": "default"},
        "without_source": ["prometheus"],
        "expect": {"severity": ["info"]},
    }

    world = make_world(variants={"other": variant}, variant="other")

    assert any("only in the variant" in line for line in world.logs.kernel_log(world.trigger.node, anchor))
    assert world.fleet.spec.exporter == "default"
    assert world.faults.fault("prometheus", None) == "refuse"
    assert (world.expect["severity"], world.expect["fault_class"]) == (["info"], ["gpu_off_bus"])


def test_jitter_moves_each_node_by_its_own_amount(make_world, anchor):
    draw = {"node": {"node": {}}, "all": {"nodes": {"count": 3}}}
    fact = {"kernel": {"node": "${all}", "at": "-60s", "jitter": "2s", "lines": ["link down"]}}

    world = make_world([fact], draw=draw)

    stamps = {line.split(" ", 1)[0] for n in world.names["all"] for line in world.logs.kernel_log(n, anchor)[-1:]}
    assert len(stamps) == 3
