"""A fleet of thousands costs little until somebody asks."""

from __future__ import annotations

import pytest

from sentinel_fleet.ports import LabelMatcher

POWER = "DCGM_FI_DEV_POWER_USAGE"


@pytest.fixture
def large(make_world):
    return make_world(fleet={"racks": 625, "nodes_per_rack": 8})


def test_five_thousand_nodes_answer_about_one(large, read):
    node = large.trigger.node

    samples = read(large, POWER, Hostname=node)

    assert len(large.fleet.nodes) == 5000
    assert sorted(samples) == [str(gpu) for gpu in range(8)]


def test_unchanging_parts_of_objects_are_shared(large):
    specs = {}
    for item in large.objects():
        if item["kind"] == "Pod" and item["metadata"]["name"].startswith("nvidia-dcgm-exporter-"):
            specs[id(item["spec"]["containers"])] = item["spec"]["containers"]

    assert len(specs) == 1


def test_a_gpu_is_found_by_its_uuid(large):
    gpu = large.fleet.gpu(large.fleet.nodes[4321].name, 5)

    found = list(large.series.select([LabelMatcher("__name__", "=", POWER), LabelMatcher("UUID", "=", gpu.uuid)]))

    assert {(one.labels["Hostname"], one.labels["gpu"]) for one in found} == {(gpu.node, "5")}
