"""Inference and training as monitors see them, healthy or corrupted: seeded streams, so that a run can be repeated.

Healthy is not white noise. Logits follow a topic (AR(1), 0.95 from sample to sample) and a confidence (AR(1), 0.9), and
traffic shifts over the day; losses and gradient norms are alike from step to step, have hard batches (one in a hundred,
twice as noisy), fall over time, and a step of the learning rate moves both at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from sentinel_fleet.sentinel.facts import Corruption
from sentinel_fleet.sentinel.monitors.training import RankStep
from sentinel_fleet.stable import rng

VOCABULARY = 16
SAMPLES_HZ, STEPS_HZ = 20, 2
"""How often a monitor looks: 1 % of 2,000 answers a second; two steps a second."""
FINGERPRINT_STEPS = 10
"""The documented interval of checks between ranks."""
LEARNING_RATE_STEP = 40_000
_TRAFFIC_PERIOD = 400_000
_POOL = 65_536
"""Standard normal values of which a stream is cut: drawing each anew would take most of the time."""
_SPREAD, _TOPIC, _TRAFFIC = 3.0, 0.5, 0.5

Logits: TypeAlias = list[float]


def logits(*seed: object) -> Iterator[Logits]:
    """Healthy logits, without end."""
    luck = rng("logits", *seed)
    gauss, place = luck.gauss, luck.randrange
    pool = [gauss(0.0, 1.0) for _ in range(_POOL)]
    topic = confidence = 0.0
    number = luck.randrange(_TRAFFIC_PERIOD)
    while True:
        topic = 0.95 * topic + gauss(0.0, _TOPIC * 0.312)
        confidence = 0.9 * confidence + gauss(0.0, 0.04 * 0.436)
        level = topic + _TRAFFIC * math.sin(2 * math.pi * number / _TRAFFIC_PERIOD)
        spread = _SPREAD * math.exp(confidence)
        first = place(_POOL - VOCABULARY)
        yield [level + spread * one for one in pool[first : first + VOCABULARY]]
        number += 1


def steps(ranks: int, *seed: object) -> Iterator[list[RankStep]]:
    """Healthy steps of a group, without end."""
    lucks = [rng("steps", rank, *seed) for rank in range(ranks)]
    shared = rng("steps", *seed)
    noise = [0.0] * ranks
    common, number = 0.0, 0
    while True:
        common = 0.8 * common + shared.gauss(0.0, 0.012)
        after = number >= LEARNING_RATE_STEP
        loss = (2.0 + 4.0 / math.sqrt(1 + number / 200)) * (0.9 if after else 1.0)
        norm = 0.8 * (1.4 if after else 1.0)
        same = shared.getrandbits(256).to_bytes(32, "big") if number % FINGERPRINT_STEPS == 0 else None
        found = []
        for rank, luck in enumerate(lucks):
            hard = 2.0 if luck.random() < 0.01 else 1.0
            noise[rank] = 0.6 * noise[rank] + luck.gauss(0.0, 0.1 * hard)
            found.append(
                RankStep(loss * math.exp(common + 0.2 * noise[rank]), norm * math.exp(common + noise[rank]), same)
            )
        yield found
        number += 1


def damaged_logits(what: Corruption, healthy: Sequence[float]) -> Logits:
    """What a defective GPU makes of logits."""
    return _LOGITS[what](healthy)


def damaged_step(what: Corruption, healthy: RankStep) -> RankStep:
    """What a defective GPU makes of its rank's step."""
    return _STEPS[what](healthy)


_LOGITS: Mapping[Corruption, Callable[[Sequence[float]], Logits]] = {
    "shifted_logits": lambda healthy: [one + 4.0 for one in healthy],
    "flat_logits": lambda healthy: [0.5 * one for one in healthy],
    "coarse_logits": lambda healthy: [math.copysign(_SPREAD, one) for one in healthy],
    "nan_logits": lambda healthy: [math.nan, *healthy[1:]],
}
_STEPS: Mapping[Corruption, Callable[[RankStep], RankStep]] = {
    "huge_gradient": lambda one: RankStep(one.loss, one.gradient_norm * 256.0, one.fingerprint),
    "wrong_loss": lambda one: RankStep(one.loss * 4.0, one.gradient_norm, one.fingerprint),
    "diverged_weights": lambda one: RankStep(
        one.loss, one.gradient_norm, one.fingerprint and bytes([one.fingerprint[0] ^ 1]) + one.fingerprint[1:]
    ),
    "nan_gradient": lambda one: RankStep(one.loss, math.nan, one.fingerprint),
}
INFERENCE, TRAINING = tuple(_LOGITS), tuple(_STEPS)
"""Which corruption is whose."""
