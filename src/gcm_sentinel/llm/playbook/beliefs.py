"""Beliefs: how probable each hypothesis is, given what has been found.

Every hypothesis starts at its base rate, scaled by the kind of trigger, and each finding multiplies its odds by a
likelihood ratio (raised to the finding's strength). Unknown findings multiply by one. Hypotheses about one GPU are
weighed for each GPU, and the best-fitting one stands for the class, so that findings about different GPUs never add
up. A share is kept for "something that is not in the playbook", so that weak evidence cannot look certain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.llm.playbook.finding import Finding
from gcm_sentinel.llm.playbook.findings import evaluate
from gcm_sentinel.llm.playbook.hypotheses import Hypothesis, Playbook, Weight
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations

UNLISTED = 0.02
"""Prior of a cause no hypothesis describes."""
_EXCLUDED = math.log(1e-4)
_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Weighed:
    """A finding and how far it moved a hypothesis (natural logarithm of the odds factor)."""

    finding: Finding
    weight: Weight
    moved: float


@dataclass(frozen=True, slots=True)
class Belief:
    """One hypothesis with all that speaks for and against it."""

    hypothesis: Hypothesis
    subject: GpuRef | None
    """The GPU it fits best; None for the node, or when no GPU stands out."""
    others: tuple[GpuRef, ...]
    """Further GPUs it fits about as well."""
    weighed: tuple[Weighed, ...]
    score: float
    """Logarithm of prior times all factors."""
    probability: float = 0.0

    @property
    def fault_class(self) -> FaultClass:
        """Its fault class."""
        return self.hypothesis.fault_class

    @property
    def evidence_score(self) -> float:
        """How far the findings alone moved it."""
        return sum(item.moved for item in self.weighed)

    @property
    def speaking_for(self) -> tuple[Weighed, ...]:
        """Decided findings that raised it, strongest first."""
        return tuple(sorted((item for item in self.weighed if item.moved > 0.05), key=lambda item: -item.moved))

    @property
    def speaking_against(self) -> tuple[Weighed, ...]:
        """Decided findings that lowered it, strongest first."""
        return tuple(sorted((item for item in self.weighed if item.moved < -0.05), key=lambda item: item.moved))


class Findings:
    """Findings of one turn, each worked out once."""

    def __init__(self, obs: Observations) -> None:
        self._obs = obs
        self._known: dict[GpuRef | None, dict[str, Finding]] = {}

    def get(self, key: str, gpu: GpuRef | None) -> Finding:
        """The finding `key` about a GPU, or about the node."""
        known = self._known.setdefault(gpu, {})
        found = known.get(key)
        if found is None:
            found = known[key] = evaluate(self._obs, key, gpu)
        return found

    def hold(self, keys: Iterable[str], gpu: GpuRef | None) -> bool:
        """Whether all of `keys` are met; ``not x`` is met when x does not hold or is unknown."""
        return all(
            not self.get(key.removeprefix("not "), gpu).holds
            if key.startswith("not ")
            else bool(self.get(key, gpu).holds)
            for key in keys
        )


def believe(playbook: Playbook, obs: Observations, findings: Findings) -> tuple[Belief, ...]:
    """All hypotheses, most probable first; the order of evidence plays no part."""
    lead = obs.trigger
    text = " ".join(f"{item.kind} {item.reason} {item.message}" for item in obs.incident.triggers)
    families = playbook.families_of(lead.kind, text)
    beliefs = [_weigh(item, obs, findings, families) for item in playbook.hypotheses]
    top = max([math.log(UNLISTED), *(belief.score for belief in beliefs)])
    total = math.exp(math.log(UNLISTED) - top) + sum(math.exp(belief.score - top) for belief in beliefs)
    done = [_with_probability(belief, math.exp(belief.score - top) / total) for belief in beliefs]
    return tuple(sorted(done, key=lambda belief: (-belief.probability, str(belief.fault_class))))


def _with_probability(belief: Belief, probability: float) -> Belief:
    return Belief(belief.hypothesis, belief.subject, belief.others, belief.weighed, belief.score, probability)


def _weigh(item: Hypothesis, obs: Observations, findings: Findings, families: Mapping[str, float]) -> Belief:
    factors = [factor ** families[family] for family, factor in item.raised_by.items() if family in families]
    start = math.log(item.prior) + math.log(max(factors, default=item.otherwise))
    subjects: list[GpuRef | None] = list(obs.gpus) if item.scope == "gpu" and obs.gpus else [None]
    weighed = [(subject, _about(item, findings, subject)) for subject in subjects]
    scored = [(subject, parts, start + sum(part.moved for part in parts)) for subject, parts in weighed]
    best = max(scored, key=lambda entry: entry[2])
    level = [entry for entry in scored if entry[2] >= best[2] - _SAME]
    alone = len(level) == 1 or len(subjects) == 1
    others = tuple(
        subject
        for subject, parts, score in scored
        if subject is not None and subject is not best[0] and score >= best[2] - 1.5 and _stands(parts)
    )
    return Belief(item, best[0] if alone or others else None, others, best[1], best[2])


def _stands(parts: tuple[Weighed, ...]) -> bool:
    """Whether findings about this very GPU carry the hypothesis, not only those that all GPUs share."""
    return any(part.moved > 1.5 and part.finding.holds for part in parts) and sum(part.moved for part in parts) > 1.5


def _about(item: Hypothesis, findings: Findings, subject: GpuRef | None) -> tuple[Weighed, ...]:
    parts = tuple(_moved(weight, findings.get(weight.finding, subject)) for weight in item.weights)
    barred = [findings.get(key, subject) for key in item.excluded_by]
    return (*parts, *(_barred(finding) for finding in barred if finding.holds))


def _moved(weight: Weight, finding: Finding) -> Weighed:
    if finding.holds is None:
        return Weighed(finding, weight, 0.0)
    ratio = weight.holds if finding.holds else weight.fails
    return Weighed(finding, weight, math.log(ratio) * (finding.strength if finding.holds else 1.0))


def _barred(finding: Finding) -> Weighed:
    weight = Weight(finding=finding.key, holds=math.exp(_EXCLUDED), source="judgement")
    return Weighed(finding, weight, _EXCLUDED)
