"""`compare_gpu_metrics` on simulated nodes: who differs, who is gone, and what is not there."""

import json
from datetime import UTC, datetime

import pytest

from gcm_sentinel.domain.entity import EntityKind
from gcm_sentinel.domain.evidence import ResultStatus

pytestmark = pytest.mark.slow

RAMP_THEN_GONE = """
  - metric: {name: DCGM_FI_DEV_PCIE_REPLAY_COUNTER, node: "${node}", gpu: "${gpu}", at: -12m, ramp: {to: 900, over: 8m}}
  - metric: {name: "*", node: "${node}", gpu: "${gpu}", at: -3m, stop: true}
"""
HOT = """
  - metric: {name: DCGM_FI_DEV_GPU_TEMP, node: "${node}", gpu: "${gpu}", at: -70m, set: 96}
"""
EXPORTER_DOWN = """
  - pod:
      name: ${exporter}
      namespace: ${exporter.namespace}
      at: -25m
      containers: [{name: "${exporter.container}", state: waiting, reason: CrashLoopBackOff}]
"""


def metric(result, name):
    return next(row for row in result.summary["metrics"] if row["metric"] == name)


def minutes_ago(text):
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds() / 60


async def test_a_gpu_that_vanished_has_ended_series_and_shows_its_ramp(served):
    place = await served(RAMP_THEN_GONE)

    result = await place.call("compare_gpu_metrics")

    replay = metric(result, "DCGM_FI_DEV_PCIE_REPLAY_COUNTER")
    mine = replay["by_gpu"][str(place.gpu)]
    assert replay["ended"] == [place.gpu]
    assert 890 <= mine["delta"] <= 910
    assert 120 < mine["ended_s_ago"] < 260
    assert [outlier["index"] for outlier in replay["outliers"]] == [place.gpu]
    assert result.summary["metrics"][0]["outliers"], "what differs comes first"


async def test_a_hot_gpu_is_an_outlier_among_its_peers(served):
    place = await served(HOT)

    result = await place.call("compare_gpu_metrics", metrics=["GPU_TEMP"])

    outlier = metric(result, "DCGM_FI_DEV_GPU_TEMP")["outliers"][0]
    assert outlier["index"] == place.gpu
    assert outlier["value"] > 85 > outlier["peers_median"]
    assert outlier["deviation"] > 4


async def test_identities_come_from_labels_and_name_entities(served):
    place = await served()

    result = await place.call("compare_gpu_metrics")

    gpus = result.summary["gpus"]
    assert [gpu["index"] for gpu in gpus] == list(range(8))
    assert gpus[place.gpu]["uuid"].startswith("GPU-")
    assert sum(entity.kind is EntityKind.GPU for entity in result.entities) == 8
    assert result.summary["exporter_up"] is True


async def test_renamed_fields_are_found_under_their_classic_name(served):
    place = await served(fleet=", metric_names: renamed")

    result = await place.call("compare_gpu_metrics", metrics=["DCGM_FI_DEV_GPU_TEMP", "XID_ERRORS"])

    names = {row["metric"] for row in result.summary["metrics"]}
    assert names == {"DCGM_FI_DEV_GPU_TEMP_CELSIUS", "DCGM_FI_DEV_XID_ERROR"}
    assert all(row["present"] for row in result.summary["metrics"])


async def test_a_metric_that_is_not_exported_is_absent_and_not_zero(served):
    place = await served(fleet=", exporter: default")

    result = await place.call("compare_gpu_metrics")

    ecc = metric(result, "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL")
    assert (ecc["present"], ecc["by_gpu"], ecc["missing"]) == (False, {}, [])


async def test_a_dead_exporter_is_down_since_its_first_failed_scrape(served):
    place = await served(EXPORTER_DOWN)

    result = await place.call("compare_gpu_metrics")

    assert result.status is ResultStatus.OK
    assert result.summary["exporter_up"] is False
    assert 24 <= minutes_ago(result.summary["exporter_down_since"]) <= 26
    assert metric(result, "DCGM_FI_DEV_GPU_TEMP")["ended"] == list(range(8))


async def test_an_exporter_dead_for_the_whole_window_is_still_found(served):
    place = await served(EXPORTER_DOWN)

    result = await place.call("compare_gpu_metrics", duration="10m")

    assert result.summary["exporter_up"] is False
    assert 24 <= minutes_ago(result.summary["exporter_down_since"]) <= 26, "found beyond the window"
    assert result.summary["gpus"] == []
    assert "unknown" in result.note


async def test_a_long_window_ends_where_the_raw_samples_end(served):
    place = await served(RAMP_THEN_GONE)

    result = await place.call("compare_gpu_metrics", metrics=["PCIE_REPLAY_COUNTER"], duration="6h")

    replay = metric(result, "DCGM_FI_DEV_PCIE_REPLAY_COUNTER")
    assert replay["ended"] == [place.gpu]
    assert 120 < replay["by_gpu"][str(place.gpu)]["ended_s_ago"] < 260


async def test_a_name_that_only_begins_alike_is_another_node(served):
    place = await served()

    result = await place.call("compare_gpu_metrics", node_name=place.node[:-1])

    assert result.status is ResultStatus.NO_DATA
    assert result.summary["gpus"] == []


async def test_a_line_for_each_gpu_and_metric_comes_before_the_details(served):
    place = await served(RAMP_THEN_GONE)

    result = await place.call("compare_gpu_metrics")

    shown = json.dumps(result.summary)[:5600]
    overview = result.summary["overview"]
    assert all(row["metric"] in shown for row in result.summary["metrics"]), "what a model is shown first"
    assert f"{place.pci} GPU-" in overview[f"GPU {place.gpu}"]
    assert "all its series end at" in overview[f"GPU {place.gpu}"]
    assert f"{place.gpu}: 900 (+900) (ended)" in overview["DCGM_FI_DEV_PCIE_REPLAY_COUNTER"]
    assert overview["DCGM_FI_DEV_PCIE_LINK_GEN"].endswith(f"{place.gpu}: 5 (ended)"), "its last value is no present one"


async def test_a_range_of_single_series_says_how_coarsely_it_was_read(served):
    place = await served()

    result = await place.call(
        "query_prometheus", query=f'DCGM_FI_DEV_GPU_TEMP{{Hostname="{place.node}"}}', duration="6h"
    )

    assert result.note.startswith("Read every 90s")
