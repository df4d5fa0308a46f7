"""The same symptoms with another past: what is recommended, and when the past is asked for."""

from __future__ import annotations

import pytest

HALT = {"fault": "gpu_pmu_fault", "days": 5, "gpu": 1}
HANG = {"fault": "gsp_hang", "days": 9, "gpu": 1}
LOST = {"fault": "gpu_off_bus", "days": 9, "gpu": 1}


def halted(sick):
    return sick(message="XID 62").kernel({"xid": 62, "gpu": 1, "ago": 100}, {"xid": 45, "gpu": 1, "ago": 99})


def off_bus(sick):
    case = sick(kind="GpuCount", message="GPU count bad 7/8").gone(1).info(allocatable=7)
    return case.kernel({"xid": 79, "gpu": 1, "ago": 41})


@pytest.mark.parametrize(
    ("past", "replaced"),
    [([HALT], True), ([{**HALT, "gpu": 4}], False), ([HANG], False), ([], False)],
    ids=["same-fault", "other-gpu", "other-fault", "nothing"],
)
def test_a_halt_that_came_back_asks_for_replacement(sick, investigate, past, replaced):
    outcome = investigate(halted(sick).past(*past))

    assert outcome.draft.fault_class == "gpu_pmu_fault"
    assert ("rma" in outcome.actions) is replaced
    assert {"drain", "reset-gpu", "probe-deep"} <= outcome.actions


def test_it_says_so_with_evidence_that_holds(sick, investigate):
    outcome = investigate(halted(sick).past(HALT))

    assert "again" in outcome.draft.summary
    assert [claim.text for claim in outcome.checked.draft.claims if "it is back" in claim.text]
    assert outcome.checked.struck == ()


def test_a_neighbours_halt_is_mentioned_and_changes_nothing(sick, investigate):
    outcome = investigate(halted(sick).past({**HALT, "gpu": 4}))

    assert [claim.text for claim in outcome.checked.draft.claims if "another GPU of the node" in claim.text]


@pytest.mark.parametrize(
    ("past", "asked_for", "not_asked_for"),
    [
        ({**LOST, "part": {"uuid": "GPU-gone"}}, "page-facilities", "rma"),
        ({**LOST, "node": "gpu-r09-n01"}, "rma", "page-facilities"),
        (LOST, "rma", "page-facilities"),
    ],
    ids=["the-slot", "the-gpu-elsewhere", "the-gpu-here"],
)
def test_slot_or_gpu_is_decided_by_what_the_fault_followed(sick, investigate, past, asked_for, not_asked_for):
    outcome = investigate(off_bus(sick).past(past))

    assert asked_for in outcome.actions
    assert not_asked_for not in outcome.actions


@pytest.mark.parametrize(("times", "verdict"), [(0, "transient_xid"), (1, "transient_xid"), (3, "gpu_hardware_other")])
def test_what_keeps_coming_is_not_transient(sick, investigate, times, verdict):
    past = [
        {"fault": "transient_xid", "days": 9 * n, "gpu": 2, "xids": [109], "taken": []} for n in range(1, times + 1)
    ]
    case = sick(message="XID 109 on GPU 2").kernel({"xid": 109, "gpu": 2, "ago": 900})

    assert investigate(case.past(*past)).draft.fault_class == verdict


def test_the_past_alone_is_no_verdict(sick, investigate):
    case = sick(message="XID 62").fails("read_kernel_log", "compare_gpu_metrics").past(HALT)

    assert investigate(case).draft.fault_class == "inconclusive"


def test_asks_once_and_for_the_gpu_in_question(sick, investigate):
    case = halted(sick).past()

    outcome = investigate(case)

    calls = [call for entry in outcome.transcript.entries if hasattr(entry, "tool_calls") for call in entry.tool_calls]
    asked = [call.arguments for call in calls if call.name == "get_incident_history"]
    assert asked == [{"node_name": case.node, "gpu": case.uuid(1)}]


def test_asks_nothing_of_the_past_where_it_decides_nothing(sick, investigate):
    outcome = investigate(sick(kind="GpuThrottle", message="power cap").past())

    assert "get_incident_history" not in outcome.asked


def test_records_out_of_reach_are_named_as_a_gap(sick, investigate):
    outcome = investigate(halted(sick).fails("get_incident_history"))

    assert "rma" not in outcome.actions
    assert any("earlier incidents" in gap for gap in outcome.draft.not_checked)
