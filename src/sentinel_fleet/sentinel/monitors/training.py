"""The monitor of a data-parallel group: what every rank's step says about the GPU it ran on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sentinel_fleet.sentinel.monitors.found import Found, Latch
from sentinel_fleet.sentinel.monitors.ranks import outvoted
from sentinel_fleet.sentinel.monitors.spike import WARM_UP, Spike

__all__ = ["WARM_UP", "RankStep", "TrainingMonitor"]

_TELL_AGAIN = 600


@dataclass(frozen=True, slots=True)
class RankStep:
    """What one rank knows after a step."""

    loss: float
    """Of its own part of the batch."""
    gradient_norm: float
    """L2, before the reduction over ranks: after it, it is everybody's."""
    fingerprint: bytes | None = None
    """Of its parameters after the optimizer's step; None in steps in which none was made."""


class TrainingMonitor:
    """Takes steps in their order, with all ranks in each; `model` is named in what it finds."""

    def __init__(self, ranks: int, model: str = "") -> None:
        self._model = model
        self._gradients = [Spike("GRADIENT_NORM_SPIKE", "gradient norm") for _ in range(ranks)]
        self._losses = [Spike("LOSS_SPIKE", "loss") for _ in range(ranks)]
        self._broken = [Latch(_TELL_AGAIN) for _ in range(ranks)]
        self._apart = [Latch(_TELL_AGAIN) for _ in range(ranks)]

    def push(self, step: int, ranks: Sequence[RankStep]) -> list[tuple[int, Found]]:
        """What a step shows, each with the rank it is about."""
        fingerprints = [one.fingerprint for one in ranks if one.fingerprint is not None]
        apart = outvoted(fingerprints) if len(fingerprints) == len(ranks) else ()
        return [
            (rank, replace(found, model=self._model))
            for rank, one in enumerate(ranks)
            for found in self._of_rank(rank, one, step, differs=rank in apart)
        ]

    def _of_rank(self, rank: int, one: RankStep, step: int, *, differs: bool) -> Iterator[Found]:
        if self._apart[rank].tells(wrong=differs):
            told = f"rank {rank}: parameters differ from those of most ranks"
            yield Found("CROSS_RANK_DIVERGENCE", 1.0, 0.0, "CRITICAL", told, step=step)
        broken = not (math.isfinite(one.loss) and math.isfinite(one.gradient_norm))
        if self._broken[rank].tells(wrong=broken):
            told = f"loss {one.loss}, gradient norm {one.gradient_norm}"
            yield Found("INVARIANT_VIOLATION", 1.0, 0.0, "CRITICAL", told, step=step)
        if broken:
            return
        for spike, value in ((self._gradients[rank], one.gradient_norm), (self._losses[rank], one.loss)):
            if (found := spike.push(value, step)) is not None:
                yield found
