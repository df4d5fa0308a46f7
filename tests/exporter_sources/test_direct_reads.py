"""The exporters of a node read directly: the right pod, the right port, what is there and what is not."""

import pytest

from gcm_sentinel.domain.entity import EntityKind
from gcm_sentinel.domain.evidence import ResultStatus

NODE = "gpu-r03-n05"
DCGM = {"app.kubernetes.io/name": "dcgm-exporter"}
PAGE = """
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",pci_bus_id="00000000:17:00.0",DCGM_FI_DRIVER_VERSION="580.1"} 41
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-a",err_msg="GPU, lost {bus}",pod="train-0",namespace="team"} 79 1795203360000
DCGM_FI_DEV_BOARD_POWER_WATTS{gpu="0",UUID="GPU-a"} 80.5
something_else{a="b"} 1
"""


async def test_a_simulated_gpu_exporter_is_read_with_identities(served):
    place = await served()

    result = await place.call("query_dcgm_direct")

    assert result.status is ResultStatus.OK
    assert [gpu["index"] for gpu in result.summary["gpus"]] == list(range(8))
    assert result.summary["driver_version"]
    assert result.summary["samples"][0]["name"] == "DCGM_FI_DEV_GPU_TEMP"
    assert sum(entity.kind is EntityKind.GPU for entity in result.entities) == 8
    assert "# HELP" in result.raw


async def test_a_simulated_host_exporter_is_read(served):
    place = await served()

    result = await place.call("query_node_exporter_direct")

    names = {sample["name"] for sample in result.summary["samples"]}
    assert result.status is ResultStatus.OK
    assert {"node_boot_time_seconds", "node_timex_offset_seconds", "node_edac_uncorrectable_errors_total"} <= names
    assert all(row["value"] == 1 for row in result.summary["samples"] if row["name"] == "node_systemd_unit_state")


async def test_infiniband_ports_are_read_by_device(served):
    place = await served()

    result = await place.call("query_infiniband_direct")

    assert all("infiniband" in sample["name"] for sample in result.summary["samples"])
    assert sum(entity.kind is EntityKind.NIC for entity in result.entities) == 8


async def test_a_crashing_exporter_is_named_with_its_reason(served):
    place = await served("crashing")

    result = await place.call("query_dcgm_direct")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "CrashLoopBackOff" in result.note


async def test_values_labels_and_absent_metrics_of_a_page(upstream, call):
    upstream.page = PAGE
    upstream.add_pod("nvidia-dcgm-exporter-x", DCGM)

    result = await call("query_dcgm_direct")

    rows = {row["name"]: row for row in result.summary["samples"]}
    assert rows["DCGM_FI_DEV_XID_ERRORS"]["value"] == 79
    assert rows["DCGM_FI_DEV_XID_ERRORS"]["labels"]["err_msg"] == "GPU, lost {bus}"
    assert "DCGM_FI_DEV_BOARD_POWER_WATTS" in rows, "the renamed spelling of a key metric"
    assert "DCGM_FI_DEV_POWER_USAGE" not in result.summary["absent"]
    assert "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL" in result.summary["absent"]
    assert result.summary["gpus"][0]["pod"] == "team/train-0"
    assert result.summary["driver_version"] == "580.1"


async def test_a_serial_number_on_the_series_becomes_part_of_the_gpu(upstream, call):
    upstream.page = 'DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",DCGM_FI_DEV_SERIAL="1650522004712"} 41\n'
    upstream.add_pod("nvidia-dcgm-exporter-x", DCGM)

    result = await call("query_dcgm_direct")

    assert result.summary["gpus"][0]["serial"] == "1650522004712"
    assert [entity.serial for entity in result.entities if entity.kind is EntityKind.GPU] == ["1650522004712"]


async def test_a_filter_looks_at_names_and_labels(upstream, call):
    upstream.page = PAGE
    upstream.add_pod("nvidia-dcgm-exporter-x", DCGM)

    named = await call("query_dcgm_direct", metric_filter="SOMETHING")
    labelled = await call("query_dcgm_direct", metric_filter='pod="train')

    assert [row["name"] for row in named.summary["samples"]] == ["something_else"]
    assert [row["name"] for row in labelled.summary["samples"]] == ["DCGM_FI_DEV_XID_ERRORS"]


async def test_a_filter_that_finds_nothing_is_absence(upstream, call):
    upstream.page = PAGE
    upstream.add_pod("nvidia-dcgm-exporter-x", DCGM)

    result = await call("query_dcgm_direct", metric_filter="nothing_like_this")

    assert result.status is ResultStatus.NO_DATA
    assert "not zero" in result.note


async def test_a_host_engine_pod_is_not_taken_for_the_exporter(upstream, call):
    upstream.add_pod("nvidia-dcgm-hostengine-x", {"app": "nvidia-dcgm"})

    result = await call("query_dcgm_direct")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "no dcgm-exporter pod" in result.note


async def test_the_exporter_of_another_node_is_not_taken(upstream, call):
    upstream.add_pod("nvidia-dcgm-exporter-y", DCGM, node=f"{NODE}0")

    assert (await call("query_dcgm_direct")).status is ResultStatus.UNAVAILABLE


async def test_the_operators_own_label_is_known_too(upstream, call):
    upstream.page = PAGE
    upstream.add_pod("nvidia-dcgm-exporter-x", {"app": "nvidia-dcgm-exporter"})

    assert (await call("query_dcgm_direct")).status is ResultStatus.OK


async def test_without_a_declared_port_the_usual_one_is_tried(upstream, call):
    upstream.add_pod("nvidia-dcgm-exporter-x", DCGM, port=0)

    result = await call("query_dcgm_direct")

    assert result.status is ResultStatus.ERROR
    assert result.query == "GET http://127.0.0.1:9400/metrics"


async def test_an_exporter_that_answers_badly_is_an_error(upstream, call):
    upstream.status = 500
    upstream.add_pod("nvidia-dcgm-exporter-x", DCGM)

    result = await call("query_dcgm_direct")

    assert result.status is ResultStatus.ERROR
    assert "runs but did not answer" in result.note


async def test_a_pending_exporter_is_unavailable(upstream, call):
    upstream.add_pod("nvidia-dcgm-exporter-x", DCGM, phase="Pending")

    result = await call("query_dcgm_direct")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "Pending" in result.note


async def test_a_forbidden_pod_list_is_unavailable_and_names_the_rule(upstream, call):
    upstream.pods_status = 403

    result = await call("query_node_exporter_direct")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "list on pods" in result.note


async def test_hosts_without_infiniband_show_their_network_errors(upstream, call):
    upstream.page = 'node_network_receive_errs_total{device="eth0"} 3\nnode_network_up{device="eth0"} 1\n'
    upstream.add_pod("node-exporter-x", {"app.kubernetes.io/name": "prometheus-node-exporter"})

    result = await call("query_infiniband_direct")

    assert [row["name"] for row in result.summary["samples"]] == ["node_network_receive_errs_total"]


async def test_unreadable_lines_are_counted_in_the_note(upstream, call):
    upstream.page = "node_load1 1\nnode_load5{ 2\n"
    upstream.add_pod("node-exporter-x", {"app.kubernetes.io/name": "node-exporter"})

    assert "1 lines could not be read" in (await call("query_node_exporter_direct")).note


@pytest.mark.parametrize("tool", ["query_dcgm_direct", "query_node_exporter_direct", "query_infiniband_direct"])
async def test_what_is_no_node_name_is_refused_in_words(upstream, call, tool):
    result = await call(tool, node_name="a,metadata.name=b")

    assert result.status is ResultStatus.ERROR
    assert "not a node name" in result.note


@pytest.mark.parametrize(("status", "usable"), [(200, True), (403, False)])
async def test_is_available_where_pods_can_be_listed(upstream, sources, status, usable):
    upstream.pods_status = status

    assert [(await source.is_available()).usable for source in sources] == [usable, usable]


async def test_a_pod_that_only_wears_the_labels_is_not_preferred(upstream, call):
    upstream.page = PAGE
    upstream.add_pod("mine-dcgm-exporter", DCGM, port=1)
    upstream.add_pod("dcgm-exporter-x", DCGM)
    upstream.pods[1]["metadata"]["ownerReferences"] = [{"kind": "DaemonSet", "name": "dcgm-exporter"}]

    result = await call("query_dcgm_direct")

    assert result.status is ResultStatus.OK
    assert result.summary["endpoint"].endswith(f":{upstream.port}/metrics")


async def test_a_line_for_each_gpu_and_metric_comes_first(upstream, call):
    upstream.page = (
        PAGE + 'DCGM_FI_DEV_GPU_TEMP{gpu="1",UUID="GPU-b"} 41\nDCGM_FI_DEV_GPU_TEMP{gpu="3",UUID="GPU-c"} 90\n'
    )
    upstream.add_pod("dcgm-exporter-x", DCGM)

    overview = (await call("query_dcgm_direct")).summary["overview"]

    assert overview["GPU 0"].endswith("GPU-a held by team/train-0")
    assert overview["DCGM_FI_DEV_GPU_TEMP"] == "0-1: 41 | 3: 90"
    assert overview["DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"] == "not exported, which is not zero"
