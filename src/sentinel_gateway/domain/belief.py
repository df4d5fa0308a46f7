"""The reliability score of a GPU or SM: a Beta distribution over the chance that it computes right.

Evidence is kept as whole numbers and weighed when it is read. So the score does not depend on the order in which
results came, a late batch counts as one that came in time, and a changed weight applies to what was seen before. Errors
and timeouts say nothing about corruption and weigh nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_gateway.domain.settings import BeliefSettings


@dataclass(frozen=True, slots=True)
class Tally:
    """What was seen of one GPU; whole numbers that only grow."""

    passes: int = 0
    failures: int = 0
    errors: int = 0
    timeouts: int = 0
    anomalies: int = 0
    dissents: int = 0
    """TMR rounds in which it stood alone against two."""

    def __sub__(self, earlier: Tally) -> Tally:
        """What was seen since `earlier`."""
        return Tally(
            self.passes - earlier.passes,
            self.failures - earlier.failures,
            self.errors - earlier.errors,
            self.timeouts - earlier.timeouts,
            self.anomalies - earlier.anomalies,
            self.dissents - earlier.dissents,
        )

    def __add__(self, more: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.passes + more.passes,
            self.failures + more.failures,
            self.errors + more.errors,
            self.timeouts + more.timeouts,
            self.anomalies + more.anomalies,
            self.dissents + more.dissents,
        )


NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class Belief:
    """A Beta distribution."""

    alpha: float
    beta: float

    @property
    def score(self) -> float:
        """Its mean: 1 for a part that is never wrong."""
        return self.alpha / (self.alpha + self.beta)


def belief(seen: Tally, settings: BeliefSettings) -> Belief:
    """What `seen` says, starting from the prior."""
    wrong = (
        settings.probe_failure_weight * seen.failures
        + settings.anomaly_weight * seen.anomalies
        + settings.tmr_dissent_weight * seen.dissents
    )
    return Belief(settings.prior_alpha + settings.probe_pass_weight * seen.passes, settings.prior_beta + wrong)
