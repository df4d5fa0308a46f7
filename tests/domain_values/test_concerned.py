"""What an assessment is about, for the history of a part: named as fully as the evidence allows."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Draft, RecommendedAction, Severity
from gcm_sentinel.domain.concerned import concerned
from gcm_sentinel.domain.entity import gpu, node
from gcm_sentinel.domain.faults import FaultClass

LABELLED = gpu("n1", index=3, uuid="GPU-a", pci="0000:5d:00")
BY_KERNEL = gpu("n1", pci="0000:5d:00", serial="165")
NEIGHBOUR = gpu("n1", index=4, uuid="GPU-b", pci="0000:7e:00")
FULL = gpu("n1", index=3, uuid="GPU-a", pci="0000:5d:00", serial="165")


def draft(*culprits, aims=()):
    actions = tuple(RecommendedAction(Action.WATCH, aim) for aim in aims)
    return Draft(Severity.INFO, FaultClass.TRANSIENT_XID, "", "", 0.8, entities=culprits, actions=actions)


@pytest.mark.parametrize("named", [gpu("n1", index=3), gpu("n1", pci="00000000:5D:00.0"), LABELLED], ids=str)
def test_a_culprit_gets_all_that_the_evidence_showed_of_it(named):
    (found,) = concerned(draft(named), [node("n1"), NEIGHBOUR, LABELLED, BY_KERNEL])

    assert (found.index, found.uuid, found.serial) == (FULL.index, FULL.uuid, FULL.serial)


def test_where_nobody_is_blamed_it_is_about_the_gpus_its_actions_aim_at():
    assert concerned(draft(aims=[node("n1"), LABELLED, LABELLED]), []) == (LABELLED,)


def test_a_culprit_leaves_the_aims_aside():
    assert concerned(draft(node("n1"), aims=[LABELLED]), [LABELLED]) == (node("n1"),)


def test_two_names_of_one_part_are_one():
    assert len(concerned(draft(gpu("n1", index=3), LABELLED), [LABELLED])) == 1
