"""How often healthy SMs fail, by the fleet's own record.

Everything rests on `ModelSettings.healthy_failure_rate`. Where it is set too low, chance looks like a defect, so the
fleet is asked too. GPUs that failed at all are counted, not failures: a dead SM fails thousands of times a day and is
one GPU, so defective GPUs hardly move the estimate.
"""

from __future__ import annotations

import math
from datetime import timedelta

FEW = 3
"""Fewer GPUs that failed may each be defective, and say nothing about healthy ones."""
OBSERVED = timedelta(hours=24)
"""How far back one looks: long enough to see the setting's rate in a fleet of 1,000."""


def observed_rate(failing: int, others: int, results: float) -> float:
    """Chance of a healthy SM to fail one probe: `failing` of `others` GPUs failed within `results` results each.

    Leave out the GPU that is judged, and failures that a guard explains. 0 where fewer than `FEW` failed.
    """
    if failing < FEW or others < 1 or results < 1:
        return 0.0
    return -math.log1p(-min(failing, others - 0.5) / others) / results
