"""What earlier incidents say: it came back, how often, with the GPU or with the slot, and when they say nothing."""

from __future__ import annotations

import pytest

from gcm_sentinel.llm.playbook.findings import evaluate

PMU = {"fault": "gpu_pmu_fault", "days": 5}


def ask(case, key, index=0):
    """A finding about a GPU of the case by index, or about the node."""
    obs = case.observed()
    gpu = next((ref for ref in obs.gpus if ref.index == index), None) if index is not None else None
    return evaluate(obs, key, gpu)


def test_the_same_fault_on_the_same_gpu_after_a_repair_came_back(sick):
    found = ask(sick().past(PMU), "came_back(gpu_pmu_fault)")

    assert found.holds is True
    assert "reset-gpu was done" in found.detail
    assert found.cites[0].quote == "incidents[0].fault_class = gpu_pmu_fault"


@pytest.mark.parametrize(
    "change",
    [
        {"gpu": 4},
        {"fault": "gsp_hang"},
        {"over": False},
        {"mended": False, "taken": []},
        {"taken": [], "closed_s": 600},
        {"part": {"uuid": "GPU-another"}},
    ],
    ids=["another-gpu", "another-fault", "still-open", "not-mended", "just-flapped", "another-part-in-its-place"],
)
def test_what_is_no_recurrence_of_this_gpu(sick, change):
    assert ask(sick().past({**PMU, **change}), "came_back(gpu_pmu_fault)").holds is False


def test_a_gpu_known_only_by_its_place_then_is_taken_for_the_same(sick):
    found = ask(sick().past({**PMU, "part": {"uuid": None}}), "came_back(gpu_pmu_fault)")

    assert found.holds is True


def test_a_serial_tells_what_the_uuid_cannot(sick):
    case = sick().past({**PMU, "gpu": 4, "part": {"uuid": None, "serial": "165"}})
    case.answers["compare_gpu_metrics"].summary["gpus"][0]["serial"] = "165"

    assert ask(case, "came_back(gpu_pmu_fault)").holds is True


@pytest.mark.parametrize(("times", "holds"), [(1, False), (2, True), (3, True)])
def test_counts_how_often_it_was_here(sick, times, holds):
    days = [{"fault": "gsp_hang", "days": 7 * week} for week in range(1, times + 1)]

    found = ask(sick().past(*days), "happened(2,gsp_hang)")

    assert found.holds is holds


@pytest.mark.parametrize(("xids", "counts"), [([109], True), ([31], False), ([], False)], ids=["same", "other", "none"])
def test_a_passing_xid_is_the_same_only_with_the_same_number(sick, xids, counts):
    case = sick().kernel({"xid": 109, "gpu": 0}).past({"fault": "transient_xid", "days": 9, "xids": xids})

    assert ask(case, "happened(1,transient_xid)").holds is counts


def test_a_fault_that_went_with_the_gpu(sick):
    there = {"fault": "gpu_off_bus", "days": 9, "node": "gpu-r09-n01", "part": {"index": 6, "pci": "0000:cd:00"}}

    case = sick().past(there)

    assert ask(case, "moved_with_gpu(gpu_off_bus)").holds is True
    assert ask(case, "stayed_with_slot(gpu_off_bus)").holds is False


def test_a_fault_that_stayed_with_the_slot(sick):
    case = sick().past({"fault": "gpu_off_bus", "days": 9, "part": {"uuid": "GPU-gone"}})

    assert ask(case, "stayed_with_slot(gpu_off_bus)").holds is True
    assert ask(case, "moved_with_gpu(gpu_off_bus)").holds is False


def test_a_neighbours_fault_is_told_apart(sick):
    case = sick().past({**PMU, "gpu": 4})

    assert ask(case, "on_other_gpu(gpu_pmu_fault)").holds is True
    assert ask(case, "on_other_gpu(gpu_pmu_fault)", index=4).holds is False


@pytest.mark.parametrize(("kept", "holds"), [(60, True), (3, None), (0, None)], ids=["long", "short", "no-records"])
def test_the_first_time_needs_records_that_reach_back(sick, kept, holds):
    assert ask(sick().past(kept=kept), "first_time(gpu_pmu_fault)").holds is holds


@pytest.mark.parametrize("key", ["came_back(gsp_hang)", "happened(1,gsp_hang)", "moved_with_gpu(gsp_hang)"])
def test_what_was_not_asked_is_not_known(sick, key):
    assert ask(sick(), key).holds is None
    assert ask(sick().past(asked=["GPU-another"]), key).holds is None


def test_a_nodes_fault_is_not_the_fault_of_one_of_its_gpus(sick):
    case = sick().past({"fault": "driver_lockup", "days": 9})
    own = sick().past({"fault": "driver_lockup", "days": 9, "part": {"kind": "node", "uuid": None, "index": None}})

    assert ask(case, "came_back(driver_lockup)", index=None).holds is False
    assert ask(own, "came_back(driver_lockup)", index=None).holds is True
