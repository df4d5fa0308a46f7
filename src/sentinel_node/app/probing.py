"""`sentinel-node probe`: one plan, asked for at the terminal, under the same rules as over the wire.

A GPU in software computes thousands of times slower than silicon. A deep run there would end at its deadline and say
nothing, so it takes fewer repetitions, and says so.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from sentinel_node.app.exits import Exit, of_outcome
from sentinel_node.app.faulting import Given, fault_of
from sentinel_node.app.loading import load
from sentinel_node.app.machine import machine_of, own_pids, seams_of
from sentinel_node.domain.errors import Invalid, NotFound, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import Depth, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.service.desk import Desk, ProbeRules

_DEEP_IN_SOFTWARE, _DEEP_MEMORY_IN_SOFTWARE = 32, 1
"""Repetitions, with which every kind ends within seconds on a slow core."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    kind: str
    gpu: str
    """UUID or index; empty for the first."""
    variant: str
    seed: int | None
    sms: tuple[int, ...]
    repetitions: int
    deadline_s: float
    is_deep: bool


@dataclass(frozen=True, slots=True)
class Ran:
    """A report, and the exit code it ends with."""

    report: ProbeReport
    code: Exit


def run_probe(asked: Asked, config_file: Path | None, faults: tuple[str, ...], *, is_software: bool) -> Ran:
    """One probe, run to its end.

    Raises:
        NodeError: what was asked cannot be, is not allowed, or nothing here can run it.
    """
    if faults and not is_software:
        raise Invalid("--fault makes a GPU in software wrong; add --software")
    given = tuple(Given(text, fault_of(text)) for text in faults)
    if not is_software:
        report = _run_probe(asked, config_file, given, is_software=False)
        return Ran(report, of_outcome(report.outcome))
    report = _told_of_software(_run_probe(_bounded(asked), config_file, given, is_software=True), asked)
    return told_of_faults(report, given)


def told_of_faults(report: ProbeReport, faults: tuple[Given, ...]) -> Ran:
    """A pass says nothing where a fault was wanted and none came about."""
    silent = tuple(f"the fault never took effect: {one.text}" for one in faults if one.is_without_effect(report))
    code = Exit.UNKNOWN if silent and report.outcome is Outcome.PASS else of_outcome(report.outcome)
    return Ran(replace(report, notes=(*report.notes, *silent)), code)


def _run_probe(asked: Asked, config_file: Path | None, faults: tuple[Given, ...], *, is_software: bool) -> ProbeReport:
    flags = {"software_gpus": 1, "probes": Allowed.DEEP} if is_software else {}
    settings = load(os.environ, flags, config_file)
    with ExitStack() as opened:
        seams = seams_of(settings, opened, tuple(one.fault for one in faults))
        machine = machine_of(settings, seams)
        rules = ProbeRules(settings.probes, own_pids=own_pids)
        desk = Desk(machine.prober, machine.sources.telemetry, machine.leases, rules)
        plan = plan_of(asked, machine.prober.thing().gpus())
        for one in faults:
            one.check(plan)
        return asyncio.run(_run(desk, plan))


def _bounded(asked: Asked) -> Asked:
    """What is asked, with so many repetitions that a GPU in software comes to an end."""
    if not asked.is_deep or asked.repetitions:
        return asked
    is_memory = asked.kind == ProbeKind.MEMORY
    return replace(asked, repetitions=_DEEP_MEMORY_IN_SOFTWARE if is_memory else _DEEP_IN_SOFTWARE)


def _told_of_software(report: ProbeReport, asked: Asked) -> ProbeReport:
    notes = report.notes
    if report.plan.repetitions != asked.repetitions:
        notes = (*notes, f"in software, {report.plan.repetitions} repetitions stand for a deep run: --repetitions")
    if report.count(Outcome.TIMEOUT):
        notes = (*notes, "a GPU in software is slow: take fewer --repetitions, or a longer --deadline")
    return replace(report, notes=notes)


async def _run(desk: Desk, plan: ProbePlan) -> ProbeReport:
    async with aclosing(desk.run(plan, "the command line")) as run:
        async for told in run:
            if isinstance(told, ProbeReport):
                return told
    raise Unavailable("the probe ended without a report")


def plan_of(asked: Asked, gpus: tuple[GpuIdentity, ...]) -> ProbePlan:
    """What is asked, of the GPU that it means.

    Raises:
        Invalid: there is no such probe, or the GPU is known to have no such SM.
        NotFound: there is no such GPU.
    """
    if asked.kind not in tuple(ProbeKind):
        raise Invalid(f"there is no probe {asked.kind!r}; there are {', '.join(ProbeKind)}")
    wanted = [gpu for gpu in gpus if asked.gpu in ("", gpu.uuid, str(gpu.index))]
    if not wanted:
        raise NotFound(f"there is no GPU {asked.gpu!r}; there are {', '.join(gpu.uuid for gpu in gpus) or 'none'}")
    sm_count = wanted[0].sm_count
    if sm_count and any(sm >= sm_count for sm in asked.sms):
        raise Invalid(f"there is no SM {max(asked.sms)}: this GPU has SMs 0 to {sm_count - 1}")
    return ProbePlan(
        kind=ProbeKind(asked.kind),
        gpu_uuid=wanted[0].uuid,
        variant=asked.variant,
        seed=secrets.randbits(64) if asked.seed is None else asked.seed,
        depth=Depth.DEEP if asked.is_deep else Depth.LIGHT,
        sms=asked.sms,
        repetitions=asked.repetitions,
        deadline_s=asked.deadline_s,
    )
