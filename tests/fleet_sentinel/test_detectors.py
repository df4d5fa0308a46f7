"""Detectors: what they find and how soon, what they leave alone, and that an anomaly never becomes their baseline."""

from __future__ import annotations

import math
from itertools import islice

import pytest

from sentinel_fleet.sentinel.facts import AnomalyName
from sentinel_fleet.sentinel.monitors import inference, training
from sentinel_fleet.sentinel.monitors.drift import BLOCK, WARM_UP, WARM_UP_BLOCKS, Drift
from sentinel_fleet.sentinel.monitors.found import Latch
from sentinel_fleet.sentinel.monitors.ranks import outvoted
from sentinel_fleet.sentinel.monitors.spike import Spike
from sentinel_fleet.sentinel.monitors.workloads import damaged_step, steps
from sentinel_fleet.stable import rng

LOUD: AnomalyName = "LOGIT_DRIFT"


def drifted(levels, *, like=0.0, seed=3):
    """The blocks after which a detector speaks; `levels` by block in the noise's own unit, after a warm-up."""
    luck, detector, noise, told = rng(seed), Drift(LOUD, "level"), 0.0, []
    for block, level in enumerate([0.0] * WARM_UP_BLOCKS + list(levels)):
        for _ in range(BLOCK):
            noise = like * noise + luck.gauss(0.0, math.sqrt(1 - like * like))
            if detector.push(level + noise):
                told.append(block - WARM_UP_BLOCKS)
    return told


@pytest.mark.parametrize("like", [0.0, 0.9, 0.99])
def test_a_level_that_varies_from_sample_to_sample_or_slowly_is_left_alone(like):
    assert drifted([0.0] * 400, like=like) == []


def test_a_jump_is_told_within_three_blocks_and_again_while_it_lasts_but_not_every_time():
    told = drifted([1.0] * 200)

    assert told[0] <= 2
    assert [later - one for one, later in zip(told, told[1:], strict=False)] == [60] * (len(told) - 1)
    assert len(told) == 4


def test_after_an_anomaly_the_same_anomaly_is_found_again():
    told = drifted([1.0] * 30 + [0.0] * 100 + [1.0] * 10)

    assert told[0] <= 2
    assert 130 <= told[1] <= 132


def test_drift_slower_than_a_fiftieth_of_its_noise_a_block_is_followed():
    assert drifted([block * 0.001 for block in range(600)]) == []


def test_a_faster_ramp_is_found_before_it_is_five_times_the_noise_of_a_block():
    (first, *_) = drifted([block * 0.02 for block in range(40)])

    assert first * 0.02 < 5 / math.sqrt(BLOCK)


def test_what_is_wrong_in_the_warm_up_of_a_sound_gpu_is_not_learned():
    luck, detector = rng(1), Drift(LOUD, "level")
    values = [luck.gauss(0, 1) + (50.0 if 1000 <= number < 1000 + BLOCK else 0.0) for number in range(WARM_UP)]

    assert not any(detector.push(one) for one in values)
    assert any(detector.push(luck.gauss(1, 1)) for _ in range(4 * BLOCK))


def test_numbers_that_are_not_finite_are_told_once_and_enter_no_statistic():
    monitor, luck = inference.InferenceMonitor("m"), rng(2)
    found = []
    for number in range(WARM_UP + 6000):
        logits = [luck.gauss(0, 3) for _ in range(8)]
        found += monitor.push([*logits[:7], math.inf] if number % 100 == 7 else logits)

    assert {one.type for one in found} == {"INVARIANT_VIOLATION"}
    assert len(found) == 3
    assert found[0].model == "m"


@pytest.mark.parametrize("what", ["huge_gradient", "wrong_loss", "diverged_weights", "nan_gradient"])
def test_training_anomalies_are_told_of_their_rank_within_ten_steps(what):
    monitor, told = training.TrainingMonitor(4), []
    for number, ranks in enumerate(islice(steps(4, 7), 320)):
        if number >= 300:
            ranks[2] = damaged_step(what, ranks[2])
        told += [(number, rank, found.step) for rank, found in monitor.push(number, ranks)]

    assert len(told) == 1
    ((number, rank, step),) = told
    assert (rank, step) == (2, number)
    assert number < 310


def test_a_falling_loss_is_no_spike_and_a_spike_is_not_learned():
    luck, spike = rng(4), Spike("LOSS_SPIKE", "loss")

    def told(level, first, count):
        values = (level * math.exp(luck.gauss(0, 0.02)) for _ in range(count))
        return [found for step, value in enumerate(values, first) if (found := spike.push(value, step))]

    assert told(3.0, 0, 300) == []
    assert told(0.9, 300, 300) == []
    assert [found.severity for found in told(9.0, 600, 20)] == ["CRITICAL"]
    assert told(0.9, 620, 600) == []
    assert len(told(9.0, 1220, 20)) == 1


@pytest.mark.parametrize(
    ("fingerprints", "apart"),
    [("aaaa", ()), ("aaba", (2,)), ("aabb", ()), ("ab", ()), ("aabc", ()), ("aaabc", (3, 4))],
)
def test_ranks_are_outvoted_by_more_than_half(fingerprints, apart):
    assert outvoted([one.encode() for one in fingerprints]) == apart


def test_a_latch_tells_the_first_and_then_every_so_many():
    latch = Latch(3)

    assert [latch.tells(wrong=one) for one in (False, True, True, True, True, False, True, True)] == [
        False, True, False, False, True, False, False, True,
    ]  # fmt: skip
