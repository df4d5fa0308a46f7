"""Runs the probes of a suspicion on the suspect and beside it, the same plan with the same seed, within one deadline.

Each kind may take all the time that is left but a second for each kind after it: the first run on a GPU compiles its
kernels, so equal shares would end it early. Whatever a node refuses stays in its own words. A suspect that did not take
one probe is not asked for the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gcm_sentinel.datasources.tool_calls import within
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.node_agent import NodeGpu
from gcm_sentinel.domain.node_probes import NodeProbes, ProbeKind, ProbeOrder, ProbeRun
from gcm_sentinel.domain.protocols import Clock

_LEAST_S = 1.0
"""A probe with less is not begun."""
_BACK_S = 0.5
"""For the report to come back after the probe's own deadline."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be run."""

    node: str
    suspect: NodeGpu
    sibling: NodeGpu | None
    kinds: tuple[ProbeKind, ...]
    is_deep: bool
    seed: int
    doubt: str = ""
    """Why nothing is known of the sibling; empty where the driver was asked about it."""


@dataclass(frozen=True, slots=True)
class KindRun:
    """One kind on both; an error stands where no run came back."""

    kind: ProbeKind
    suspect: ProbeRun | SentinelError
    sibling: ProbeRun | SentinelError | None


@dataclass(frozen=True, slots=True)
class Trials:
    """What came of it."""

    runs: tuple[KindRun, ...]
    not_asked: tuple[ProbeKind, ...]


async def run_all(probes: NodeProbes, trial: Trial, clock: Clock, ends_at: float) -> Trials:
    """Every kind in turn until `ends_at` of the monotonic clock, in seconds."""
    runs: list[KindRun] = []
    for place, kind in enumerate(trial.kinds):
        left_s = ends_at - clock.monotonic() - _LEAST_S * (len(trial.kinds) - place - 1)
        if left_s < _LEAST_S + _BACK_S:
            return Trials(tuple(runs), trial.kinds[place:])
        runs.append(await _both(probes, trial, kind, left_s))
        if isinstance(runs[-1].suspect, SentinelError):
            return Trials(tuple(runs), trial.kinds[place + 1 :])
    return Trials(tuple(runs), ())


async def _both(probes: NodeProbes, trial: Trial, kind: ProbeKind, left_s: float) -> KindRun:
    gpus: Sequence[NodeGpu] = (trial.suspect, *((trial.sibling,) if trial.sibling else ()))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(probes, trial, kind, gpu, left_s)) for gpu in gpus]
    suspect, *others = (task.result() for task in tasks)
    return KindRun(kind, suspect, others[0] if others else None)


async def _one(
    probes: NodeProbes, trial: Trial, kind: ProbeKind, gpu: NodeGpu, left_s: float
) -> ProbeRun | SentinelError:
    deadline = timedelta(seconds=left_s - _BACK_S)
    order = ProbeOrder(kind, gpu.uuid, is_deep=trial.is_deep, seed=trial.seed, deadline=deadline)
    try:
        async with within(left_s, f"the {kind} probe on GPU {gpu.index} of {trial.node}"):
            return await probes.run_probe(trial.node, order)
    except SentinelError as error:
        return error
