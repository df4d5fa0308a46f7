"""A fleet of thousands costs little until somebody asks."""

from __future__ import annotations

from itertools import islice

import pytest
import yaml
from tests.fleet_world.conftest import T0, content

from sentinel_fleet.ports import LabelMatcher
from sentinel_fleet.scenario import load

pytestmark = pytest.mark.slow

POWER = "DCGM_FI_DEV_POWER_USAGE"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Drawn once: nothing here changes it."""
    file = tmp_path_factory.mktemp("large") / "case.yaml"
    file.write_text(yaml.safe_dump(content(fleet={"racks": 625, "nodes_per_rack": 8}), sort_keys=False))
    return load(file).realise(1, T0, clock=lambda: T0)


def test_five_thousand_nodes_answer_about_one(large, read):
    node = large.trigger.node

    samples = read(large, POWER, Hostname=node)

    assert len(large.fleet.nodes) == 5000
    assert sorted(samples) == [str(gpu) for gpu in range(8)]


def test_unchanging_parts_of_objects_are_shared(large):
    exporters = (
        item
        for item in large.objects()
        if item["kind"] == "Pod" and item["metadata"]["name"].startswith("nvidia-dcgm-exporter-")
    )

    containers = [item["spec"]["containers"] for item in islice(exporters, 1000)]

    assert len(containers) == 1000
    assert len({id(one) for one in containers}) == 1


def test_a_gpu_is_found_by_its_uuid(large):
    gpu = large.fleet.gpu(large.fleet.nodes[4321].name, 5)

    found = list(large.series.select([LabelMatcher("__name__", "=", POWER), LabelMatcher("UUID", "=", gpu.uuid)]))

    assert {(one.labels["Hostname"], one.labels["gpu"]) for one in found} == {(gpu.node, "5")}
