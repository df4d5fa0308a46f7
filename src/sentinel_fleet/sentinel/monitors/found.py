"""What a detector found, before it is known on which GPU; and how often it may be told."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_fleet.sentinel.facts import AnomalyName, SeverityName


@dataclass(frozen=True, slots=True)
class Found:
    """An anomaly; `score` and `threshold` share a unit that depends on the type."""

    type: AnomalyName
    score: float
    threshold: float
    severity: SeverityName = "HIGH"
    details: str = ""
    layer: str = ""
    model: str = ""
    step: int = 0


class Latch:
    """Tells an anomaly that goes on once, and again each time `again` more samples have come."""

    def __init__(self, again: int) -> None:
        self._again = again
        self._left = 0

    def tells(self, *, wrong: bool) -> bool:
        """Whether to tell now; asked once for every sample."""
        self._left = max(0, self._left - 1)
        if not wrong or self._left:
            return False
        self._left = self._again
        return True
