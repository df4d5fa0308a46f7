"""A node that NVSentinel, a person or another tool keeps is theirs; our own marks hold nobody off."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.ownership import NodeMarks, holders


@pytest.mark.parametrize(
    ("marks", "who"),
    [
        (NodeMarks(labels={"dgxc.nvidia.com/nvsentinel-state": "quarantined"}), "NVSentinel"),
        (NodeMarks(labels={"dgxc.nvidia.com/nvsentinel-state": "a-later-word"}), "NVSentinel"),
        (NodeMarks(annotations={"quarantineHealthEvent": '[{"id":"1"}]'}), "NVSentinel"),
        (NodeMarks(annotations={"quarantineHealthEventIsCordoned": "True"}), "NVSentinel"),
        (NodeMarks(labels={"k8saas.nvidia.com/cordon-by": "NVSentinel"}, unschedulable=True), "NVSentinel"),
        (NodeMarks(taints=frozenset({"nvsentinel.dgxc.nvidia.com/external-remediation"})), "an external repair"),
        (NodeMarks(unschedulable=True, cordoned_by="kubectl-cordon"), "kubectl-cordon"),
        (NodeMarks(unschedulable=True), "somebody who left no name"),
    ],
)
def test_a_node_that_somebody_keeps(marks, who):
    assert [holder.name for holder in holders(marks)] == [who]


@pytest.mark.parametrize(
    "marks",
    [
        NodeMarks(),
        NodeMarks(unschedulable=True, cordoned_by="gcm-sentinel"),
        NodeMarks(labels={"k8saas.nvidia.com/cordon-by": "NVSentinel"}),
        NodeMarks(annotations={"quarantineHealthEvent": "", "quarantineHealthEventIsCordoned": "False"}),
        NodeMarks(annotations={"quarantineHealthEvent": "[]"}),
        NodeMarks(taints=frozenset({"nvidia.com/gpu"})),
    ],
)
def test_a_node_that_nobody_keeps(marks):
    assert holders(marks) == ()


def test_a_holder_is_told_with_the_mark():
    found = holders(NodeMarks(labels={"dgxc.nvidia.com/nvsentinel-state": "draining"}))

    assert str(found[0]) == "NVSentinel (label dgxc.nvidia.com/nvsentinel-state=draining)"
