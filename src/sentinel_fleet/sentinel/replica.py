"""A replica on a software GPU: what it infers passes the GPU's registers and arithmetic, and a monitor watches it."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel_fleet.sentinel.monitors.found import Found
from sentinel_fleet.sentinel.monitors.inference import WARM_UP, InferenceMonitor
from sentinel_fleet.sentinel.monitors.workloads import SAMPLES_HZ, logits
from sentinel_fleet.sentinel.silicon.damage import Damage, Place, present
from sentinel_fleet.sentinel.silicon.faults import Fault, FaultKind
from sentinel_fleet.sentinel.silicon.float32 import bits_of, value_of
from sentinel_fleet.stable import rng

_SHOWN = {FaultKind.NOISE: Place.SPECIAL_RESULT, FaultKind.REGISTER_XOR: Place.REGISTER}
"""Faults that logits meet, and where. Any register may hold a logit, so the fault's own index does not matter."""


class Replica:
    """One model on one GPU, with its monitor."""

    def __init__(self, *seed: object) -> None:
        self._logits = logits(*seed)
        self._luck = rng("replica", *seed)
        self.monitor = InferenceMonitor("chat")
        for _ in range(WARM_UP):
            self.monitor.push(next(self._logits))

    def second(self, faults: Sequence[Fault]) -> list[Found]:
        """A second of work under some faults."""
        here = present(faults, self._luck)
        damage = Damage(here, self._luck)
        met = [(_SHOWN[fault.kind], fault.where) for fault in here if fault.kind in _SHOWN]
        return [found for _ in range(SAMPLES_HZ) for found in self.monitor.push(self._inferred(damage, met))]

    def _inferred(self, damage: Damage, met: Sequence[tuple[Place, int]]) -> list[float]:
        values = next(self._logits)
        for place, index in met:
            values = [value_of(damage.pass_through(place, index, bits_of(one))) for one in values]
        return values
