"""What follows from the evidence against one GPU, given what other GPUs show. Decides; does nothing.

suspect      enough to look closer; the GPU works on
quarantine   enough to take it out by itself
propose      enough, but something speaks for asking a person first: its whole host fails, its failures cover the GPU
             and no neighbour of its kind shows that the probe can pass, or too many were taken out lately
clear        a SUSPECT GPU against which too little is left
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from sentinel_gateway.domain.bursts import WHOLE, Trails
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.domain.signs import Signs
from sentinel_gateway.model.evidence import Accused, accused
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.weighing import Weight, weigh


class Step(Enum):
    """What is to be done."""

    NOTHING = "nothing"
    SUSPECT = "suspect"
    QUARANTINE = "quarantine"
    PROPOSE = "propose"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known against and for one GPU."""

    state: HealthState
    state_changed_ns: int
    trails: Trails
    signs: Signs
    sm_count: int
    """SMs that report like the others since its last reinstatement (`SmTable.reporting`)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rest of the fleet says about it."""

    host_fails: bool = False
    """Several GPUs of its host failed lately."""
    peers_pass: bool = True
    """Another GPU of its model on its host passed lately what it failed. Other hosts do not count: a change that is
    rolled out host by host may not have reached them."""
    room: bool = True
    """Few enough were quarantined lately without a person."""
    failure_rate: float = 0.0
    """Of healthy SMs by the fleet's own record (`healthy.observed_rate`); believed where it is above the setting."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done, and why."""

    step: Step
    reason: str = ""
    sm_id: int | None = None
    """The SM that is to blame; None where it is the GPU as a whole, or nothing is to be done."""
    confidence: float = 0.0
    """That the GPU is defective: `confidence`."""


NOTHING = Verdict(Step.NOTHING)
_BESIDE_ANOMALIES = 2
"""Bursts that make a quarantine together with anomalies: monitors see data and software too, and of a large fleet some
GPU with a false alarm will have a failure by chance."""


def verdict(case: Case, around: Surroundings, now_ns: int, settings: ModelSettings) -> Verdict:
    """What to do about a GPU now; only HEALTHY and SUSPECT ones are judged."""
    if case.state not in (HealthState.HEALTHY, HealthState.SUSPECT):
        return NOTHING
    if around.failure_rate > settings.healthy_failure_rate:
        settings = replace(settings, healthy_failure_rate=around.failure_rate)
    worst, signs = accused(case.trails, settings), weigh(case.signs, now_ns, settings)
    most = worst.evidence.most_nats + signs.nats
    if most >= settings.quarantine_nats and _enough_of_it(worst, signs, settings):
        doubts = _doubts(case, worst, around, settings)
        step = Step.PROPOSE if doubts else Step.QUARANTINE
        reason = _words(worst, signs, most)
        return Verdict(step, "; ".join([reason, *doubts]), worst.sm_id, confidence(worst, signs, settings))
    if worst.evidence.nats + signs.nats >= settings.suspect_nats:
        if case.state is HealthState.SUSPECT:
            return NOTHING
        reason = _words(worst, signs, worst.evidence.nats + signs.nats)
        return Verdict(Step.SUSPECT, reason, worst.sm_id, confidence(worst, signs, settings))
    if case.state is HealthState.SUSPECT and _is_cleared(case, worst, now_ns, settings):
        return Verdict(Step.CLEAR, f"{worst.evidence.passes_since} probes passed since the last failure")
    return NOTHING


def _enough_of_it(worst: Accused, signs: Weight, settings: ModelSettings) -> bool:
    """Whether it happened often enough, or kinds of evidence that share no weakness agree."""
    if worst.evidence.proven_nats or signs.partners > 1:
        return True
    if signs.partners:
        return worst.evidence.row >= 1
    return worst.evidence.row >= _BESIDE_ANOMALIES and signs.anomaly_nats >= settings.anomaly_cap_nats


def _doubts(case: Case, worst: Accused, around: Surroundings, settings: ModelSettings) -> list[str]:
    doubts = []
    if around.host_fails:
        doubts.append("other GPUs of its host fail too, so the host may be the cause")
    if worst.sm_id is None and _is_wide(case, settings) and not around.peers_pass:
        doubts.append("many of its SMs fail, and no GPU of its model on its host shows that the probe can pass")
    if not around.room:
        doubts.append("the limit of GPUs that may go without a person is reached")
    return doubts


def _is_wide(case: Case, settings: ModelSettings) -> bool:
    """Whether so many SMs failed since the first remembered burst that a wrong probe explains it as well.

    SMs are counted over all bursts: a probe that visits a quarter of them at a time meets all of them in four.
    """
    whole = case.trails.get(WHOLE, ())
    if not whole:
        return False
    failed = sum(
        trail[-1].time_ns >= whole[0].time_ns for sm_id, trail in case.trails.items() if sm_id != WHOLE and trail
    )
    return failed >= settings.wide_share * case.sm_count


def _is_cleared(case: Case, worst: Accused, now_ns: int, settings: ModelSettings) -> bool:
    if now_ns - case.state_changed_ns < settings.clear_after.total_seconds() * 1e9:
        return False
    needed = settings.clear_passes * (1 if worst.sm_id is not None else case.sm_count)
    return worst.evidence.bursts == 0 or worst.evidence.passes_since >= needed


def confidence(worst: Accused, signs: Weight, settings: ModelSettings) -> float:
    """Chance that the GPU is defective: (1 - doubt / kinds) x posterior.

    The posterior is the logistic of the prior's log-odds plus all nats; `kinds` counts the probe types that failed, the
    pairs of partners that outvoted the GPU, and anomalies as one.
    """
    prior = settings.prior_defective
    log_odds = math.log(prior / (1 - prior)) + worst.evidence.most_nats + signs.nats
    kinds = worst.evidence.types.bit_count() + signs.partners + (signs.anomaly_nats > 0)
    return (1 - settings.probe_doubt / max(1, kinds)) / (1 + math.exp(-log_odds))


def _words(worst: Accused, signs: Weight, nats: float) -> str:
    told = []
    found = worst.evidence
    if found.bursts:
        where = "failures over the whole GPU" if worst.sm_id is None else f"SM {worst.sm_id} failed"
        types = ", ".join(one.name for one in ProbeType if found.types >> one & 1)
        times = "sweep" if found.bursts == 1 else "sweeps"
        told.append(f"{where} in {found.bursts} {times} of {types}")
    if signs.partners:
        told.append(f"outvoted in TMR by {signs.partners} pair{'s' if signs.partners > 1 else ''} of GPUs")
    if signs.anomaly_nats:
        told.append("anomalies reported by monitors")
    return f"{' and '.join(told)} ({nats:.1f} nats of evidence)"
