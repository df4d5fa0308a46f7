"""What monitors detect where a scenario says that a GPU corrupts its workload: the detectors decide, not the file.

Inference: a replica on each GPU of the node. Training: one data-parallel group over the node's GPUs. Monitors watch all
GPUs of the node, sound ones too, from their warm-up before the first corruption to the end of the last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

from sentinel_fleet.sentinel.agents import Agents
from sentinel_fleet.sentinel.facts import CorruptsFact
from sentinel_fleet.sentinel.monitors import inference, training
from sentinel_fleet.sentinel.monitors.found import Found
from sentinel_fleet.sentinel.monitors.workloads import (
    INFERENCE,
    SAMPLES_HZ,
    STEPS_HZ,
    TRAINING,
    damaged_logits,
    damaged_step,
    logits,
    steps,
)

Report: TypeAlias = tuple[float, str, int, Found]
"""Seconds from T0, node, GPU, and what was found."""


def watched(agents: Agents) -> Iterator[Report]:
    """All that monitors of all nodes report."""
    facts = agents.plan.of(CorruptsFact)
    for node in dict.fromkeys(fact.node for fact in facts):
        gpus = range(agents.world.fleet.spec.gpus_per_node)
        here = [fact for fact in facts if fact.node == node]
        seed = (agents.world.plan.fleet.seed, node)
        for gpu in gpus if _of(here, INFERENCE) else ():
            found = _inference(_of(here, INFERENCE), gpu, (*seed, gpu))
            yield from ((at, node, gpu, one) for at, one in found)
        if _of(here, TRAINING):
            yield from ((at, node, rank, one) for at, rank, one in _training(_of(here, TRAINING), len(gpus), seed))


def _of(facts: Sequence[CorruptsFact], what: Collection[str]) -> list[CorruptsFact]:
    return [fact for fact in facts if fact.what in what]


def _moments(facts: Sequence[CorruptsFact], warm_up: int, hz: int) -> Iterator[float]:
    begin = min(fact.at for fact in facts) - warm_up / hz
    end = max(fact.until for fact in facts)
    return (begin + number / hz for number in range(int((end - begin) * hz)))


def _now(facts: Sequence[CorruptsFact], gpu: int, at: float) -> CorruptsFact | None:
    return next((fact for fact in facts if gpu in fact.gpu and fact.at <= at < fact.until), None)


def _inference(facts: Sequence[CorruptsFact], gpu: int, seed: tuple[object, ...]) -> Iterator[tuple[float, Found]]:
    monitor, model = inference.InferenceMonitor(facts[0].model), logits(*seed)
    for at, healthy in zip(_moments(facts, inference.WARM_UP, SAMPLES_HZ), model, strict=False):
        fact = _now(facts, gpu, at)
        for found in monitor.push(damaged_logits(fact.what, healthy) if fact else healthy):
            yield at, found


def _training(
    facts: Sequence[CorruptsFact], ranks: int, seed: tuple[object, ...]
) -> Iterator[tuple[float, int, Found]]:
    monitor, run = training.TrainingMonitor(ranks, facts[0].model), steps(ranks, *seed)
    times = _moments(facts, 2 * training.WARM_UP, STEPS_HZ)
    for number, (at, healthy) in enumerate(zip(times, run, strict=False)):
        for rank in range(ranks):
            if (fact := _now(facts, rank, at)) is not None:
                healthy[rank] = damaged_step(fact.what, healthy[rank])
        for rank, found in monitor.push(number, healthy):
            yield at, rank, found
