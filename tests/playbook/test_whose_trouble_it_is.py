"""What looks shared may not be, what looks like the node may be one GPU, and what is named here may be elsewhere."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.llm.playbook.findings import evaluate

THERE = "gpu-r09-n01"
BRAKE = "CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS"
GREW = {"first": 0.0, "last": 9e9, "maximum": 9e9, "delta": 9e9}


def ask(case, key, index=None):
    obs = case.observed()
    ref = next((item for item in obs.gpus if item.index == index), None) if index is not None else None
    return evaluate(obs, key, ref)


def halted_among_others(sick, *peer_lines):
    """A halted GPU on a node whose driver mates all have the same condition; the log of one of them was read."""
    case = sick(message="XID 107 seen").neighbours(sick=8, group="driver_version", size=12)
    case.kernel({"xid": 62, "gpu": 2, "ago": 60})
    case.answers["read_kernel_log:there"] = sick(node=THERE).kernel(*peer_lines).answers["read_kernel_log"]
    return case


@pytest.mark.parametrize(("peer", "shared"), [(107, False), (43, False), (62, True), (119, True)])
def test_a_rollout_is_shared_only_where_the_neighbour_has_a_fault_too(sick, peer, shared):
    case = halted_among_others(sick, {"xid": peer, "gpu": 1, "ago": 90})

    assert ask(case, "group_affected(driver_version)").holds is shared


def test_a_neighbour_whose_log_is_short_says_nothing(sick):
    case = halted_among_others(sick)
    case.answers["read_kernel_log:there"] = sick(node=THERE).kernel(covers=60).answers["read_kernel_log"]

    assert ask(case, "peer_differs").holds is None
    assert ask(case, "group_affected(driver_version)").holds is True


def test_a_shared_switch_may_show_itself_differently(sick):
    case = halted_among_others(sick, {"xid": 107, "gpu": 1, "ago": 90})

    assert ask(case.neighbours(sick=8, group="leaf_switch"), "group_affected(leaf_switch)").holds is True


@pytest.mark.parametrize(("index", "culprits"), [(3, {("gpu", 3)}), (-1, {("node", None)})], ids=["one", "all"])
def test_the_power_brake_of_one_gpu_is_its_own(sick, investigate, index, culprits):
    case = sick(kind="GpuThrottle", message="HW power brake slowdown").metrics({BRAKE: {index: GREW}})

    draft = investigate(case.kernel({"xid": 54, "gpu": 3, "ago": 300})).draft

    assert str(draft.fault_class) == "power_supply"
    assert {(str(item.kind), item.index) for item in draft.entities} == culprits


@pytest.mark.parametrize(("rate", "holds"), [(60.0, True), (1.0, False)])
def test_a_port_may_have_two_broken_symbols_a_minute(sick, rate, holds):
    case = sick(kind="Slow").query("node_infiniband_symbol_error_total", rate_per_min=rate)

    assert ask(case, "port_errors_climb").holds is holds


@pytest.mark.parametrize(("narrow", "fault"), [(1, "gpu_off_bus"), (6, "multiple_faults")], ids=["same", "other"])
def test_a_link_that_narrowed_before_its_gpu_fell_off_is_no_second_fault(sick, investigate, narrow, fault):
    case = sick(kind="GpuXid", message="XID 79 seen").metrics({"PCIE_LINK_WIDTH": {narrow: {"last": 8.0}}})

    found = investigate(case.kernel({"xid": 79, "gpu": 1, "ago": 41}))

    assert str(found.draft.fault_class) == fault


@pytest.mark.parametrize(("sick_nodes", "fault"), [(2, "nvlink_shared_path"), (1, "nvlink_hardware")])
def test_two_ends_of_one_domain_share_their_path(sick, investigate, sick_nodes, fault):
    case = sick(kind="GpuNvlink", message="XID 149").neighbours(sick=sick_nodes, group="nvlink_domain", size=9)

    found = investigate(case.kernel({"xid": 149, "gpu": 1, "ago": 41, "text": "NETIR_LINK_EVT Fatal XC0 i0 Link 08"}))

    assert str(found.draft.fault_class) == fault


def stranger(sick):
    """A report about a GPU that is on another node now."""
    case = sick(kind="GpuMemoryError", transition=None)
    uuid = "GPU-abcdef01-1111-2222-3333-abcdef012345"
    case.message = f"Xid 95 on GPU {uuid} of {case.node}"
    row = {"labels": {"UUID": uuid, "Hostname": THERE, "gpu": "4"}, "value": 61.0, "at": None, "stats": None}
    summary = {"result_type": "vector", "series": [row], "series_total": 1, "warnings": []}
    return case.put(f"query_prometheus:{uuid}", summary, entities=[gpu(THERE, index=4, uuid=uuid)]), uuid


def test_a_gpu_that_moved_is_looked_for_by_its_uuid(sick, investigate):
    case, uuid = stranger(sick)

    draft = investigate(case).draft

    assert str(draft.fault_class) == "stale_identity"
    assert [(item.node, item.uuid) for item in draft.entities] == [(THERE, uuid)]
    assert THERE in draft.summary


def test_nothing_is_done_to_the_node_that_no_longer_has_the_gpu(sick, investigate):
    found = investigate(stranger(sick)[0])

    assert not found.actions & {"cordon", "drain", "reset-gpu", "rma"}
