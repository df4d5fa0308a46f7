"""How much each kind of evidence weighs, beside the settings of the model."""

from __future__ import annotations

import math

from sentinel_gateway.domain.model_settings import ModelSettings

__all__ = ["ANOMALY_WEIGHT", "DISSENT_WEIGHT", "PROBE_WEIGHT", "ModelSettings", "unit_nats"]

PROBE_WEIGHT, ANOMALY_WEIGHT, DISSENT_WEIGHT = 1.0, 0.3, 2.0
"""How much one sign of each kind weighs beside a failed probe: the reference's documented ratios."""


def unit_nats(settings: ModelSettings) -> float:
    """What one failed probe says on the scale of a 0.5 % defect; weights of other signs are multiples of it.

    Never less than nothing: where healthy SMs fail more often than such a defect, signs say nothing either.
    """
    return max(0.0, math.log(0.005 / settings.healthy_failure_rate))
