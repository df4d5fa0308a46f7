"""What it does not know, it says: missing sources, weak evidence, dead exporters."""

from __future__ import annotations

import dataclasses

import pytest

from gcm_sentinel.domain.faults import FaultClass

CORE = ("read_kernel_log", "compare_gpu_metrics", "get_node_info", "get_workload_info", "get_topology")


def off_bus(sick):
    case = sick(kind="GpuCount", message="GPU count bad 7/8").gone(1).info(allocatable=7)
    return case.kernel({"xid": 79, "gpu": 1, "ago": 41})


def test_blind_is_inconclusive(sick, investigate):
    draft = investigate(sick(message="XID errors").fails(*CORE)).draft

    assert draft.fault_class is FaultClass.INCONCLUSIVE
    assert draft.confidence < 0.3
    assert {str(item.action) for item in draft.actions} == {"capture-evidence", "watch", "escalate"}


@pytest.mark.parametrize("tool", CORE)
def test_names_every_source_that_did_not_answer(sick, investigate, tool):
    draft = investigate(off_bus(sick).fails(tool, note="timed out after 30 s")).draft

    assert any(tool in line and "timed out after 30 s" in line for line in draft.not_checked)


def test_a_missing_source_lowers_the_confidence(sick, investigate):
    whole = investigate(off_bus(sick)).draft.confidence

    assert investigate(off_bus(sick).fails("get_node_info")).draft.confidence < whole


def test_still_finds_the_lost_gpu_without_a_kernel_log(sick, investigate):
    draft = investigate(off_bus(sick).fails("read_kernel_log")).draft

    assert draft.fault_class is FaultClass.GPU_OFF_BUS
    assert draft.entities[0].index == 1


def test_never_calls_a_node_healthy_on_a_dead_exporter(sick, investigate):
    draft = investigate(sick(kind="manual", message="look", transition=None).info(state="ok").metrics(up=False)).draft

    assert draft.fault_class is not FaultClass.HEALTHY


def test_a_dead_exporter_leaves_gpu_health_unknown(sick, investigate):
    case = sick(kind="GpuIdle", message="GPU idle 2 h", transition=None).metrics(present=[], up=False)

    draft = investigate(case.daemonset("nvidia-dcgm-exporter", waiting="CrashLoopBackOff")).draft

    assert any("unknown" in line for line in draft.not_checked)


def test_says_that_a_short_log_proves_nothing(sick, investigate):
    draft = investigate(sick(message="XID 79").kernel(covers=60)).draft

    assert any("reaches back only" in line for line in draft.not_checked)


def test_says_which_counters_are_not_exported(sick, investigate):
    case = off_bus(sick).metrics(absent=["DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL"])

    assert any("ECC counters" in line for line in investigate(case).draft.not_checked)


def test_names_the_alternatives_it_ruled_out_and_why(sick, investigate):
    ruled_out = investigate(off_bus(sick)).draft.ruled_out

    assert ruled_out
    assert all(len(item.reason) > 20 for item in ruled_out)


def test_a_healthy_node_is_called_healthy(sick, investigate):
    case = sick(kind="manual", message="please look", transition=None).info(state="ok")

    assert investigate(case).draft.fault_class is FaultClass.HEALTHY


def test_calls_nothing_healthy_while_the_logs_in_question_are_out_of_reach(sick, investigate):
    case = sick(kind="PodErrors", message="pods log CUDA errors", transition=None).info(state="ok")

    draft = investigate(case.fails("get_workload_logs")).draft

    assert draft.fault_class is FaultClass.INCONCLUSIVE


def test_says_when_not_one_log_could_be_read(sick, investigate):
    case = sick(kind="PodErrors", message="pods log CUDA errors", transition=None).log("traceback", "Traceback")
    log = case.answers["get_workload_logs"].summary["logs"][0]
    log.update(status="error", note="403 Forbidden", patterns=[], tail=[])

    assert any("403 Forbidden" in line for line in investigate(case).draft.not_checked)


@pytest.mark.parametrize("tool", ["read_kernel_log", "compare_gpu_metrics", "get_node_info", "get_workload_info"])
def test_a_source_that_answers_nonsense_ends_no_investigation(sick, investigate, tool):
    case = off_bus(sick)
    case.answers[tool] = dataclasses.replace(case.answers[tool], summary={"node": case.node, "xids": [{}], "gpus": 3})

    assert investigate(case).draft.summary


@pytest.mark.parametrize("source", ["compare_gpu_metrics", "get_topology"])
def test_a_daily_dip_is_not_called_harmless_unseen(sick, investigate, source):
    case = sick(kind="FleetThroughputDip", message="fleet throughput down 1.6 % every afternoon", transition=None)

    assert str(investigate(case).draft.fault_class) == "ambient_variation"
    assert str(investigate(case.fails(source)).draft.fault_class) == "inconclusive"
