"""Each of the original's condition types, set on a node, is seen by the watcher and becomes an assessment."""

from __future__ import annotations

import pytest

from gcm_sentinel.app.simulated import Case, play

pytestmark = pytest.mark.slow

ORIGINAL = [
    "GcmXidErrorsProblem", "GcmSmiEccProblem", "GcmSmiDisconnectedProblem", "GcmProcZombieProblem",
    "GcmDcgmiNvlinkStatusProblem", "GcmDcgmiDiagProblem", "NPDXidErrorsProblem", "NPDSmiEccProblem",
    "NPDSmiDisconnectedProblem", "NPDProcZombieProblem", "NPDDcgmiNvlinkStatusProblem", "NPDDcgmiDiagProblem",
    "NPDDcgmRunningProblem",
]  # fmt: skip


@pytest.mark.parametrize("condition", ORIGINAL)
async def test_a_true_condition_becomes_an_assessment(small_scenario, undecided, condition):
    played = await play(Case(small_scenario(condition), 1), engine="playbook", model=undecided)

    assert played.closed.investigation.assessment.condition == condition
