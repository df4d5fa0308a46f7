"""Runs the probes of a suspicion on the suspect and beside it, the same plan with the same seed, within one deadline.

Each kind may take all the time that is left but a second for each kind after it: the first run on a GPU compiles its
kernels, so equal shares would end it early. Half of it, some seconds at most, is for that: a node's clock starts when
its kernels are ready, and only a probe that ends before its caller leaves tells what it has found. A node that needs
longer to get ready stops the probe itself in time. Whatever a node
refuses stays in its own words; a GPU that another probe holds, a scheduled one of a second as a rule, is asked for
again. A suspect that did not take one probe is not asked for the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gcm_sentinel.datasources.tool_calls import within
from gcm_sentinel.domain.errors import Overloaded, SentinelError
from gcm_sentinel.domain.node_agent import NodeGpu
from gcm_sentinel.domain.node_probes import NodeProbes, ProbeKind, ProbeOrder, ProbeRun
from gcm_sentinel.domain.protocols import Clock

_LEAST_S = 1.0
"""A probe with less is not begun."""
_READY_S, _READY_SHARE = 15.0, 0.5
"""Of the time that is left, for a process to start, open the GPU and compile, and for the report to come back."""
_AGAIN_S = 1.0
"""Until a GPU that another probe holds is asked for again."""


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
class Until:
    """A moment of the monotonic clock."""

    clock: Clock
    ends_at: float

    @property
    def left_s(self) -> float:
        """Until then; below 0 afterwards."""
        return self.ends_at - self.clock.monotonic()


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
        if left_s < _LEAST_S:
            return Trials(tuple(runs), trial.kinds[place:])
        runs.append(await _both(probes, trial, kind, Until(clock, clock.monotonic() + left_s)))
        if isinstance(runs[-1].suspect, SentinelError):
            return Trials(tuple(runs), trial.kinds[place + 1 :])
    return Trials(tuple(runs), ())


async def _both(probes: NodeProbes, trial: Trial, kind: ProbeKind, until: Until) -> KindRun:
    gpus: Sequence[NodeGpu] = (trial.suspect, *((trial.sibling,) if trial.sibling else ()))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(probes, trial, kind, gpu, until)) for gpu in gpus]
    suspect, *others = (task.result() for task in tasks)
    return KindRun(kind, suspect, others[0] if others else None)


async def _one(
    probes: NodeProbes, trial: Trial, kind: ProbeKind, gpu: NodeGpu, until: Until
) -> ProbeRun | SentinelError:
    while True:
        left_s = until.left_s
        deadline = timedelta(seconds=left_s - min(_READY_S, left_s * _READY_SHARE))
        order = ProbeOrder(
            kind,
            gpu.uuid,
            is_deep=trial.is_deep,
            seed=trial.seed,
            deadline=deadline,
            answer_within=timedelta(seconds=left_s),
        )
        try:
            async with within(left_s, f"the {kind} probe on GPU {gpu.index} of {trial.node}"):
                return await probes.run_probe(trial.node, order)
        except Overloaded as error:
            if until.left_s < _AGAIN_S + _LEAST_S:
                return error
            await asyncio.sleep(_AGAIN_S)
        except SentinelError as error:
            return error
