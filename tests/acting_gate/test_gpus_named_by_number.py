"""A GPU that is named by its number is the one that the evidence shows under it, or none at all."""

from __future__ import annotations

import pytest
from tests.acting_gate.conftest import NODE, NOW

from gcm_sentinel.domain.entity import Entity, EntityKind, gpu
from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.gpu_numbers import number_in, uuid_of, with_uuid
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.remediation.naming import by_uuid

THIRD, SECOND = gpu(NODE, index=3, uuid="GPU-3333"), gpu(NODE, index=2, uuid="GPU-2222")
SEEN = (SECOND, THIRD, gpu("gpu-node-10", index=3, uuid="GPU-9999"))


def asked(*seen, source="dcgm", **arguments):
    """The arguments of a call once its GPU is named."""
    shown = Evidence("E1", source, "q", {}, ToolResult(ResultStatus.OK, "q", entities=seen), NOW, "d")
    incident = Incident("inc-1", (Trigger("kubernetes", NODE, "GpuXid", TriggerStatus.PROBLEM, "R", "M", NOW),), NOW)
    call = ToolCall("c", "reset_gpu", {"node_name": NODE, **arguments})
    return by_uuid(call, Scope(incident, (shown,))).arguments


@pytest.mark.parametrize("word", [3, "3", "gpu3", "GPU 3", "GPU-3", "gpu:3", "GPU#3", " Gpu 3 "])
def test_a_number_is_read_as_people_write_it(word):
    assert number_in(word) == 3


@pytest.mark.parametrize("word", [None, True, "", "third", "GPU-3333-4444", "3 and 4", "123", 3.0, "GPU"])
def test_anything_else_is_no_number(word):
    assert number_in(word) is None


@pytest.mark.parametrize("arguments", [{"gpu_uuid": "3"}, {"gpu_uuid": "GPU 3"}, {"gpu_index": 3}, {"gpu_index": "3"}])
def test_a_call_by_number_becomes_one_by_the_uuid_that_was_seen_on_its_node(arguments):
    assert asked(*SEEN, **arguments) == {"node_name": NODE, "gpu_uuid": "GPU-3333"}


def test_a_call_that_says_both_is_about_one_gpu():
    assert asked(*SEEN, gpu_uuid="GPU-3333", gpu_index=3)["gpu_uuid"] == "GPU-3333"
    with pytest.raises(ValueError, match="GPU-2222 is not GPU 3, which is GPU-3333"):
        asked(*SEEN, gpu_uuid="GPU-2222", gpu_index=3)
    with pytest.raises(ValueError, match="are two GPUs"):
        asked(*SEEN, gpu_uuid="2", gpu_index=3)


@pytest.mark.parametrize("uuid", ["GPU-3333", "GPU-0000", "no idea", ""])
def test_what_is_no_number_is_left_to_the_tool(uuid):
    assert asked(*SEEN, gpu_uuid=uuid)["gpu_uuid"] == uuid


def test_a_number_that_nobody_saw_is_refused_and_told_how_to_name_it():
    with pytest.raises(ValueError, match=r"no evidence shows the UUID of GPU 5 on gpu-node-1: .* name it by UUID"):
        asked(*SEEN, gpu_index=5)
    with pytest.raises(ValueError, match="no evidence shows"):
        asked(gpu(NODE, index=3), gpu_index=3)


def test_a_proposal_of_ours_shows_no_gpu():
    with pytest.raises(ValueError, match="no evidence shows"):
        asked(THIRD, source=DESK, gpu_index=3)


def test_a_number_that_was_seen_with_two_uuids_is_refused():
    with pytest.raises(ValueError, match=r"several as GPU 3 on gpu-node-1 \(GPU-3333, GPU-4444\)"):
        asked(THIRD, gpu(NODE, index=3, uuid="GPU-4444"), gpu_index=3)


def test_a_gpu_that_was_seen_under_two_numbers_is_refused():
    with pytest.raises(ValueError, match="under other numbers as well: name it by its UUID, GPU-3333"):
        asked(THIRD, gpu(NODE, index=2, uuid="GPU-3333"), gpu_index=3)


def test_without_a_node_the_number_must_be_the_only_one_of_all_nodes():
    assert uuid_of(2, None, SEEN) == "GPU-2222"
    with pytest.raises(ValueError, match="several as GPU 3"):
        uuid_of(3, None, SEEN)


@pytest.mark.parametrize("target", [gpu(NODE, index=3), Entity(EntityKind.GPU, "GPU 3", node=NODE)])
def test_advice_by_number_is_about_the_gpu_with_that_uuid(target):
    named = with_uuid(target, SEEN)

    assert named.uuid == "GPU-3333"


@pytest.mark.parametrize(
    "target",
    [
        gpu(NODE, index=5), gpu(NODE, index=2, uuid="GPU-0000"), Entity(EntityKind.GPU, "gpu2", node=NODE, index=3),
        Entity(EntityKind.NODE, "3"), gpu(NODE, uuid="GPU-2222", index=3),
    ],
)  # fmt: skip
def test_advice_that_names_no_one_gpu_by_number_stays_as_it_is(target):
    assert with_uuid(target, SEEN) == target
