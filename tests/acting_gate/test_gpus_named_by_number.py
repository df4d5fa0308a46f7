"""A GPU that is named by its number is the one that the evidence shows under it, or none at all."""

from __future__ import annotations

import pytest
from tests.acting_gate.conftest import NODE, NOW, target_of

from gcm_sentinel.domain.entity import Entity, EntityKind, gpu
from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.gpu_numbers import number_in, with_uuid
from gcm_sentinel.domain.grounds import FREE_QUERY
from gcm_sentinel.domain.operations import Operation, TargetKind
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.remediation.naming import by_uuid
from gcm_sentinel.remediation.survey import sighting_of

THIRD, SECOND = gpu(NODE, index=3, uuid="GPU-3333"), gpu(NODE, index=2, uuid="GPU-2222")
SEEN = (SECOND, THIRD, gpu("gpu-node-10", index=3, uuid="GPU-9999"))


def evidence(*seen, source="dcgm", tool="query_dcgm_direct"):
    """What shows `seen`."""
    return Evidence("E1", source, tool, {}, ToolResult(ResultStatus.OK, "q", entities=seen), NOW, "d")


def scope_of(*shown, nodes=()):
    trigger = Trigger("kubernetes", NODE, "GpuXid", TriggerStatus.PROBLEM, "R", "M", NOW)
    return Scope(Incident("inc-1", (trigger,), NOW, nodes=nodes), shown)


def asked(*seen, nodes=(), source="dcgm", tool="query_dcgm_direct", **arguments):
    """The arguments of a call once its GPU is named."""
    call = ToolCall("c", "reset_gpu", {"node_name": NODE, **arguments})
    return by_uuid(call, scope_of(evidence(*seen, source=source, tool=tool), nodes=nodes)).arguments


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


def test_labels_that_an_engine_may_have_written_show_no_gpu():
    with pytest.raises(ValueError, match=r"no evidence shows .* \(query_prometheus does not count\)"):
        asked(THIRD, source="prometheus", tool=FREE_QUERY, gpu_index=3)


@pytest.mark.parametrize("kind", [TargetKind.NODE, TargetKind.GPU])
def test_nor_are_they_a_sighting(kind):
    order = Order(Operation.CORDON_NODE, target_of(kind), "inc-1", "inc-1.1")
    seen = (Entity(EntityKind.NODE, NODE), gpu(NODE, index=3, uuid="GPU-1111"))

    assert sighting_of(order, scope_of(evidence(*seen))) is not None
    assert sighting_of(order, scope_of(evidence(*seen, source="prometheus", tool=FREE_QUERY))) is None


def test_a_number_that_was_seen_with_two_uuids_is_refused():
    with pytest.raises(ValueError, match=r"several as GPU 3 on gpu-node-1 \(GPU-3333, GPU-4444\)"):
        asked(THIRD, gpu(NODE, index=3, uuid="GPU-4444"), gpu_index=3)


def test_a_gpu_that_was_seen_under_two_numbers_is_refused():
    with pytest.raises(ValueError, match="under other numbers as well: name it by its UUID, GPU-3333"):
        asked(THIRD, gpu(NODE, index=2, uuid="GPU-3333"), gpu_index=3)


@pytest.mark.parametrize("said", ["", None, 5])
def test_without_a_node_it_is_the_incidents_only_one(said):
    assert asked(*SEEN, node_name=said, gpu_index=3)["gpu_uuid"] == "GPU-3333"
    with pytest.raises(ValueError, match="no evidence shows"):
        asked(gpu("gpu-node-10", index=5, uuid="GPU-9999"), node_name=said, gpu_index=5)


def test_without_a_node_no_number_is_looked_up_over_several():
    with pytest.raises(ValueError, match=r"The incident is about 2: give 'node_name'"):
        asked(SECOND, nodes=(NODE, "gpu-node-10"), node_name="", gpu_index=2)


@pytest.mark.parametrize(
    "target", [gpu(NODE, index=3), Entity(EntityKind.GPU, "GPU 3", node=NODE), Entity(EntityKind.GPU, "GPU 3")]
)
def test_advice_by_number_is_about_the_gpu_with_that_uuid(target):
    named = with_uuid(target, SEEN, (NODE,))

    assert (named.uuid, named.node) == ("GPU-3333", NODE)


@pytest.mark.parametrize(
    "target",
    [
        gpu(NODE, index=5), gpu(NODE, index=2, uuid="GPU-0000"), Entity(EntityKind.GPU, "gpu2", node=NODE, index=3),
        Entity(EntityKind.NODE, "3"), gpu(NODE, uuid="GPU-2222", index=3),
    ],
)  # fmt: skip
def test_advice_that_names_no_one_gpu_by_number_stays_as_it_is(target):
    assert with_uuid(target, SEEN, (NODE,)) == target


@pytest.mark.parametrize(
    "name",
    ["GPU-2222", "GPU-0000", "the GPU-2222", "GPU 3 (gpu-5fd4f087-86f3-7a43-b711-4771313afc50)", "MIG-2222"],
)
def test_no_number_beats_a_uuid_that_the_advice_is_named_by(name):
    said = Entity(EntityKind.GPU, name, node=NODE, index=3)

    assert with_uuid(said, SEEN, (NODE,)) == said


def test_a_number_that_agrees_with_the_uuid_changes_nothing_of_it():
    assert with_uuid(Entity(EntityKind.GPU, "GPU-2222", node=NODE, index=2), SEEN, ()).uuid == "GPU-2222"


@pytest.mark.parametrize("nodes", [(), (NODE, "gpu-node-10")])
def test_advice_by_number_alone_is_about_none_where_the_incident_has_several_nodes(nodes):
    said = Entity(EntityKind.GPU, "GPU 2")

    assert with_uuid(said, SEEN, nodes) == said
