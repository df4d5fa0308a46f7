"""What is written in node.proto and in our values is the same."""

from __future__ import annotations

import pytest

from sentinel.node.v1 import node_pb2
from sentinel.v1 import probe_pb2
from sentinel_node.domain.kernel import KernelRecord
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import Depth, Outcome, ProbeKind
from sentinel_node.domain.seams import Progress
from sentinel_node.service.probe_messages import (
    DEPTHS,
    KINDS,
    OUTCOMES,
    PERMISSIONS,
    Deadlines,
    plan_of,
    request_message,
)
from sentinel_node.service.reading_messages import STATUSES


@pytest.mark.parametrize(
    ("table", "enum", "prefix"),
    [
        (KINDS, node_pb2.ProbeKind, "PROBE_KIND_"),
        (DEPTHS, node_pb2.ProbeDepth, "PROBE_DEPTH_"),
        (OUTCOMES, node_pb2.ProbeOutcome, "PROBE_OUTCOME_"),
        (PERMISSIONS, node_pb2.ProbePermission, "PROBE_PERMISSION_"),
        (STATUSES, node_pb2.DiagnosisStatus, "DIAGNOSIS_STATUS_"),
    ],
    ids=["kind", "depth", "outcome", "permission", "status"],
)
def test_every_word_has_its_number_and_the_other_way(table, enum, prefix):
    named = {f"{prefix}{value.name}": number for value, number in table.items()}

    assert named | {f"{prefix}UNSPECIFIED": 0} == dict(enum.items())


def test_our_words_are_all_there():
    assert (set(KINDS), set(DEPTHS), set(OUTCOMES), set(PERMISSIONS)) == (
        set(ProbeKind),
        set(Depth),
        set(Outcome),
        set(Allowed),
    )


def test_probe_kinds_have_the_numbers_of_sentinel_v1():
    theirs = {name.replace("_TYPE_", "_KIND_"): int(number) for name, number in probe_pb2.ProbeType.items()}

    assert {name: int(number) for name, number in node_pb2.ProbeKind.items()} == theirs


def test_the_five_outcomes_are_apart():
    names = [name.removeprefix("PROBE_OUTCOME_") for name in node_pb2.ProbeOutcome.keys()]  # noqa: SIM118  no mapping

    assert names == ["UNSPECIFIED", "PASS", "FAIL", "ERROR", "TIMEOUT", "NOT_RUN"]


def test_a_plan_comes_back_as_the_request_that_asks_for_it():
    request = node_pb2.ProbeRequest(
        kind=node_pb2.PROBE_KIND_MEMORY,
        gpu_uuid="GPU-1",
        variant="march_ss",
        depth=node_pb2.PROBE_DEPTH_DEEP,
        seed=2**64 - 1,
        sm_ids=[3, 1],
        repetitions=9,
        memory_share=0.5,
        soak_seconds=1.5,
        deadline_seconds=30,
    )

    assert request_message(plan_of(request, Deadlines(), lambda: 0)) == request


def test_every_field_of_a_kernel_line_has_one_on_the_wire():
    from dataclasses import fields

    renamed = {"unix_ns": "time", "folded": "folded_lines", "is_from_kernel": "from_kernel"}
    ours = {renamed.get(field.name, field.name) for field in fields(KernelRecord)}
    ours.remove("folded_sequence")  # for the agent's own count

    assert ours == set(node_pb2.KernelRecord.DESCRIPTOR.fields_by_name)
    assert {field.name for field in fields(Progress)} == set(node_pb2.ProbeProgress.DESCRIPTOR.fields_by_name)
