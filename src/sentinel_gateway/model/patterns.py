"""Several observations read as one finding: the wire's six patterns, each with a confidence from a stated formula.

MULTI_SIGNAL         kinds of evidence that share no weakness came within five minutes; with anomalies alone, weak
SM_LOCALIZED         the sequential test blames one SM
ENVIRONMENTAL        failures come with heat or power limits; or sporadically all over the fleet
NODE_CORRELATED      several GPUs of one host fail within an hour
FIRMWARE_CORRELATED  GPUs of one model or version fail, or all with one probe: software, not silicon
TMR_CONFIRMED        outvoted by two GPUs, and by others again or failing probes too
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from sentinel_gateway.domain.bursts import Trails
from sentinel_gateway.domain.observations import ANOMALIES, Observation, Observations, Observed
from sentinel_gateway.domain.signs import SignKind, Signs
from sentinel_gateway.model.evidence import accused
from sentinel_gateway.model.guards import Guard, Shared
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step, Verdict, confidence
from sentinel_gateway.model.weighing import weigh

TOGETHER_NS = 60 * 10**9
"""A failure within a minute of heat or a power limit came with it."""
_INFO, _WARNING, _HIGH, _CRITICAL = 1, 2, 3, 4


class PatternType(IntEnum):
    """Numbers equal the wire's."""

    MULTI_SIGNAL = 1
    SM_LOCALIZED = 2
    ENVIRONMENTAL = 3
    NODE_CORRELATED = 4
    FIRMWARE_CORRELATED = 5
    TMR_CONFIRMED = 6


@dataclass(frozen=True, slots=True)
class Pattern:
    """One finding."""

    type: PatternType
    confidence: float
    severity: int
    """`sentinel.v1.Severity`: 1 information to 4 critical."""
    description: str
    recommended_action: str
    events: tuple[str, ...] = ()
    """Ids of what it rests on, oldest first."""
    sm_id: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one GPU when patterns are looked for."""

    recent: Observations
    trails: Trails
    signs: Signs
    now_ns: int


def patterns(record: Record, settings: ModelSettings) -> tuple[Pattern, ...]:
    """What one GPU's observations look like; patterns of many GPUs come from guards, SM_LOCALIZED from verdicts."""
    found = (_multi_signal(record, settings), _environmental(record), _tmr(record, settings))
    return tuple(one for one in found if one is not None)


def _of(recent: Observations, *kinds: Observed) -> list[Observation]:
    return [one for one in recent if one.kind in kinds]


def _ids(observations: list[Observation]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.event_id for one in observations))


def _believed(record: Record, settings: ModelSettings) -> float:
    weight = weigh(record.signs, record.now_ns, settings)
    return confidence(accused(record.trails, settings), weight, settings)


def _multi_signal(record: Record, settings: ModelSettings) -> Pattern | None:
    counted = _of(record.recent, Observed.PROBE_FAILED, Observed.ECC_ERROR, *ANOMALIES)
    kinds = {one.kind for one in counted}
    if len(kinds) > 1 and kinds - ANOMALIES:
        believed = _believed(record, settings)
        names = ", ".join(kind.name.lower().replace("_", " ") for kind in sorted(kinds))
        action = "take the GPU out of use and have it deep-tested"
        failing = [one.sm_id for one in counted if one.sm_id is not None]
        one_sm = failing[0] if len(set(failing)) == 1 else None
        words = f"{names} on one GPU within five minutes"
        return Pattern(PatternType.MULTI_SIGNAL, believed, _CRITICAL, words, action, _ids(counted), one_sm)
    if kinds and kinds <= ANOMALIES:
        words = "anomalies without a failing probe: more often the application or its data than the GPU"
        action = "look at the workload first; compare with its other GPUs"
        return Pattern(PatternType.MULTI_SIGNAL, _believed(record, settings), _WARNING, words, action, _ids(counted))
    return None


def _environmental(record: Record) -> Pattern | None:
    """Confidence by the rule of succession: of n failures k came with heat or a limit, so will the next by
    (k + 1) / (n + 2)."""
    failures = _of(record.recent, Observed.PROBE_FAILED)
    around = _of(record.recent, Observed.THERMAL, Observed.POWER)
    together = [one for one in failures if any(abs(one.time_ns - other.time_ns) <= TOGETHER_NS for other in around)]
    if not together:
        return None
    believed = (len(together) + 1) / (len(failures) + 2)
    is_heat = any(one.kind is Observed.THERMAL for one in around)
    what, look = ("heat", "cooling") if is_heat else ("a power limit", "power supply")
    words = f"{len(together)} of {len(failures)} probe failures came within a minute of {what}"
    action = f"look at the {look}; failures that stay on one SM are a defect that {what} brings out"
    return Pattern(PatternType.ENVIRONMENTAL, believed, _WARNING, words, action, _ids(together + around))


def _tmr(record: Record, settings: ModelSettings) -> Pattern | None:
    if not _of(record.recent, Observed.TMR_DISSENT):
        return None
    weight = weigh(record.signs, record.now_ns, settings)
    if weight.partners < 2 and not record.trails:
        return None
    others = "another pair of GPUs" if weight.partners > 1 else "failing probes"
    words = f"outvoted by two GPUs, and {others} agree with them"
    ids = dict.fromkeys(sign.event_id for sign in record.signs if sign.kind is SignKind.DISSENT)
    action = "take the GPU out of use and have it deep-tested; do not condemn it before that"
    return Pattern(PatternType.TMR_CONFIRMED, _believed(record, settings), _CRITICAL, words, action, tuple(ids))


_OF_GUARDS = {
    Shared.PROBE: (
        PatternType.FIRMWARE_CORRELATED,
        _WARNING,
        "one probe type fails on GPUs of all kinds: the probe is wrong, not the GPUs",
        "switch that probe type off and look at the release of the probe agent; quarantine nothing",
    ),
    Shared.GOLDEN_ANSWER: (
        PatternType.FIRMWARE_CORRELATED,
        _WARNING,
        "one probe type fails on GPUs of one model: its golden answer is wrong for them",
        "switch that probe type off for the model and correct its golden answer; quarantine nothing",
    ),
    Shared.ROLLOUT: (
        PatternType.FIRMWARE_CORRELATED,
        _HIGH,
        "probes fail on GPUs with one version of driver or firmware",
        "stop the rollout and roll it back on one host to compare; quarantine nothing",
    ),
    Shared.HOST: (
        PatternType.NODE_CORRELATED,
        _CRITICAL,
        "several GPUs of one host fail within an hour: what they share is the host",
        "drain the node and look at its power, cooling, memory and software before any GPU is replaced",
    ),
    Shared.FACILITY: (
        PatternType.ENVIRONMENTAL,
        _HIGH,
        "GPUs all over the fleet fail now and then, with all kinds of probes",
        "look at power and cooling of the site; quarantine nothing",
    ),
}


def words_of(shared: Shared) -> str:
    """What GPUs with this in common are said to show."""
    return _OF_GUARDS[shared][2]


def localized(found: Verdict, events: tuple[str, ...]) -> Pattern:
    """The SM a step against a GPU is for, with the verdict's own confidence."""
    severity = _CRITICAL if found.step in (Step.QUARANTINE, Step.PROPOSE) else _HIGH
    action = "have the GPU deep-tested; a defect of one SM is a reason to replace it"
    return Pattern(PatternType.SM_LOCALIZED, found.confidence, severity, found.reason, action, events, found.sm_id)


def of_guard(guard: Guard, events: tuple[str, ...], settings: ModelSettings) -> Pattern:
    """What a guard is told as. Confidence: 1 - P(so many defective GPUs in the cohort by chance), less the doubt.

    By chance, each GPU of the cohort fails within the window as often as devices are defective at all.
    """
    kind, severity, words, action = _OF_GUARDS[guard.shared]
    believed = (1 - settings.probe_doubt) * (1 - tail(guard.gpus, guard.of, settings.prior_defective))
    where = f" ({guard.value})" if guard.value else ""
    told = f"{words}{where}: {guard.gpus} of {guard.of} GPUs"
    return Pattern(kind, believed, severity, told, action, events)


def tail(least: int, of: int, chance: float) -> float:
    """P(X >= least) for X ~ Binomial(of, chance), from 0 to 1."""
    below = sum(
        math.exp(
            math.lgamma(of + 1)
            - math.lgamma(k + 1)
            - math.lgamma(of - k + 1)
            + k * math.log(chance)
            + (of - k) * math.log1p(-chance)
        )
        for k in range(min(least, of + 1))
    )
    return min(1.0, max(0.0, 1.0 - below))
