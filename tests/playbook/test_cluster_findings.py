"""What Kubernetes, workloads, neighbours and logs say, and what two sources say against each other."""

from __future__ import annotations

import pytest

from gcm_sentinel.llm.playbook.findings import evaluate

NODES = ("gpu-r03-n05", "gpu-r05-n01", "gpu-r06-n01")


def ask(case, key, index=None):
    """A finding about a GPU of the case by index, or about the node."""
    obs = case.observed()
    gpu = next((ref for ref in obs.gpus if ref.index == index), None) if index is not None else None
    return evaluate(obs, key, gpu)


def gang(*nodes):
    return {
        "owner": "PyTorchJob/train", "namespace": "team-a", "pods_on_node": ["train-0"], "pods_total": 3, "failed": 0,
        "nodes": list(nodes), "phases": {"Running": 3}, "started_at": None,
    }  # fmt: skip


def test_a_condition_older_than_the_boot(sick):
    assert ask(sick().info(before_boot=True), "before_boot").holds is True


def test_a_condition_whose_check_did_not_run(sick):
    assert ask(sick().info(parsed={"check_failed_to_run": True}), "check_did_not_run").holds is True


@pytest.mark.parametrize(("allocatable", "short", "zero"), [(7, True, False), (0, False, True), (8, False, False)])
def test_counts_allocatable_gpus(sick, allocatable, short, zero):
    case = sick().info(allocatable=allocatable)

    assert ask(case, "allocatable_short").holds is short
    assert ask(case, "allocatable_zero").holds is zero


@pytest.mark.parametrize(("trusted", "now", "forged"), [(True, True, False), (False, False, True)])
def test_a_window_counts_only_from_a_trusted_hand(sick, trusted, now, forged):
    mark = {
        "key": "maintenance",
        "value": "CHG-1",
        "set_by": "x",
        "starts_at": None,
        "ends_at": None,
        "state": "active",
    }
    case = sick().info(maintenance=[{**mark, "state": "active", "trusted": trusted}])

    assert ask(case, "maintenance_now").holds is now
    assert ask(case, "maintenance_forged").holds is forged


def test_a_fault_follows_the_job_whose_nodes_all_show_it(sick):
    case = sick().work({"owner": "train"}, groups=[gang(*NODES)]).neighbours(nodes=NODES)

    assert ask(case, "follows_workload").holds is True


def test_a_fault_on_nodes_of_other_jobs_does_not_follow(sick):
    case = sick().work({"owner": "train"}, groups=[gang("gpu-r03-n05")]).neighbours(nodes=NODES)

    assert ask(case, "follows_workload").holds is False


def test_failures_of_several_owners_are_not_one_jobs_fault(sick):
    failed = {"phase": "Failed"}
    case = sick().work({"owner": "a", **failed}, {"owner": "b", "namespace": "team-b", **failed})

    assert ask(case, "several_owners_failed").holds is True
    assert ask(case, "one_owner_failed").holds is False


def test_a_switch_is_suspected_when_most_below_it_suffer(sick):
    assert ask(sick().neighbours(sick=16, group="leaf_switch", size=16), "group_affected(leaf_switch)").holds is True
    assert ask(sick().neighbours(sick=2, group="leaf_switch", size=16), "group_affected(leaf_switch)").holds is False


def test_an_xid_printed_by_a_container_is_no_kernel_record(sick):
    line = "NVRM: Xid (PCI:0000:1a:00): 79, GPU has fallen off the bus."

    assert ask(sick().log("xid_text", line), "xid_only_in_log").holds is True


def test_an_xid_the_kernel_logged_too_is_not_forged(sick):
    line = "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus."
    case = sick().log("xid_text", line).kernel({"xid": 79, "gpu": 1, "ago": 30})

    assert ask(case, "xid_only_in_log").holds is False


def test_silent_kubelet_with_live_metrics_is_alive(sick):
    case = sick(kind="Ready").info(ready="Unknown")

    assert ask(case, "silent_but_alive").holds is True
    assert ask(case, "dark").holds is False


def test_silence_everywhere_is_dark(sick):
    case = sick(kind="Ready").info(ready="Unknown").metrics(present=[], up=False)

    assert ask(case, "dark").holds is True


def test_a_gauge_without_a_kernel_record_is_suspect(sick):
    case = sick(message="XID 79").metrics({"XID_ERRORS": {4: {"last": 79.0, "constant": True}}})

    assert ask(case, "gauge_without_record", 4).holds is True


def test_another_source_may_name_the_xid_when_the_log_is_out_of_reach(sick):
    case = sick().info(parsed={"xids": [79]}).fails("read_kernel_log")

    assert ask(case, "told_xid(79)").holds is True
    assert ask(case, "told_xid(119)").holds is False


def test_with_a_kernel_log_hearsay_does_not_count(sick):
    assert ask(sick().info(parsed={"xids": [79]}), "told_xid(79)").holds is None


def test_a_daemonset_broken_on_many_nodes_is_its_own_fault(sick):
    case = sick().daemonset("nvidia-dcgm-exporter", waiting="ImagePullBackOff", widely=30)

    assert ask(case, "daemonset_broken_widely(dcgm-exporter)").holds is True
    assert ask(case, "image_cannot_be_pulled").holds is True


def test_evidence_about_another_node_is_not_read(sick):
    case = sick()
    case.answers["get_node_info"].summary["name"] = "gpu-r03-n050"

    assert case.observed().info is None
