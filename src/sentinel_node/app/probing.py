"""`sentinel-node probe`: one plan, asked for at the terminal, under the same rules as over the wire."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

from sentinel_node.app.loading import load
from sentinel_node.app.machine import machine_of, own_pids, seams_of
from sentinel_node.app.software import fault_of
from sentinel_node.domain.errors import Invalid, NotFound, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import Depth, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.service.desk import Desk, ProbeRules


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


def run_probe(asked: Asked, config_file: Path | None, faults: tuple[str, ...], *, is_software: bool) -> ProbeReport:
    """The report of one probe.

    Raises:
        NodeError: what was asked cannot be, is not allowed, or nothing here can run it.
    """
    if faults and not is_software:
        raise Invalid("--fault makes a GPU in software wrong; add --software")
    flags = {"software_gpus": 1, "probes": Allowed.DEEP} if is_software else {}
    settings = load(os.environ, flags, config_file)
    with ExitStack() as opened:
        seams = seams_of(settings, opened, tuple(fault_of(text) for text in faults))
        machine = machine_of(settings, seams)
        rules = ProbeRules(settings.probes, own_pids=own_pids)
        desk = Desk(machine.prober, machine.sources.telemetry, machine.leases, rules)
        return asyncio.run(_run(desk, asked, machine.prober.thing().gpus()))


async def _run(desk: Desk, asked: Asked, gpus: tuple[GpuIdentity, ...]) -> ProbeReport:
    async with aclosing(desk.run(_plan(asked, gpus), "the command line")) as run:
        async for told in run:
            if isinstance(told, ProbeReport):
                return told
    raise Unavailable("the probe ended without a report")


def _plan(asked: Asked, gpus: tuple[GpuIdentity, ...]) -> ProbePlan:
    if asked.kind not in tuple(ProbeKind):
        raise Invalid(f"there is no probe {asked.kind!r}; there are {', '.join(ProbeKind)}")
    wanted = [gpu for gpu in gpus if asked.gpu in ("", gpu.uuid, str(gpu.index))]
    if not wanted:
        raise NotFound(f"there is no GPU {asked.gpu!r}; there are {', '.join(gpu.uuid for gpu in gpus) or 'none'}")
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
