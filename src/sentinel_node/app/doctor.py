"""`sentinel-node doctor`: what can be done on this machine, part by part, with what would provide the rest."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sentinel_node.app.machine import locks_of, look, machine_of, seams_of
from sentinel_node.app.settings import Settings
from sentinel_node.app.transport import certificates_of
from sentinel_node.app.unasked import gateway_of
from sentinel_node.device import cupy_device
from sentinel_node.domain.errors import Busy, NodeError
from sentinel_node.kernel.log import KernelLog
from sentinel_node.probes.compiling import compile_source
from sentinel_node.service.part import Part

_SOURCE, _ARCHITECTURE = "fma.cu", "sm_90"


@dataclass(frozen=True, slots=True)
class Examined:
    """One part: what was found of it, what is missing, or why this machine has none and needs none."""

    name: str
    found: str = "it answers"
    missing: str = ""
    none: str = ""

    @property
    def line(self) -> str:
        """As the command prints it."""
        state = "missing" if self.missing else "none" if self.none else "ok"
        return f"{state:<9}{self.name:<14}{self.missing or self.none or self.found}"


async def examine(settings: Settings) -> tuple[Examined, ...]:
    """Look at everything that `serve` would use, and open no port."""
    with ExitStack() as opened:
        seams = seams_of(settings, opened)
        machine = machine_of(settings, seams)
        samples = await look(machine)
        parts = tuple(_part(part, settings) for part in machine.parts)
        xids = _xids(seams.kernel_log)
    locks = _locks(settings, [sample.gpu.uuid for sample in samples])
    return (*parts, xids, *_cuda(settings), _compiler(), *locks, _transport(settings), *_gateway(settings))


def _part(part: Part[Any], settings: Settings) -> Examined:
    """A machine with GPUs in software is whole without a part that it can never have."""
    if settings.software_gpus and not part.is_there:
        return Examined(part.name, none=part.missing)
    return Examined(part.name, missing=part.missing)


def _xids(kernel_log: KernelLog) -> Examined:
    try:
        os.close(kernel_log.descriptor())
    except NodeError as error:
        return Examined("xid_metrics", missing=str(error))
    return Examined("xid_metrics", "the kernel's log can be followed, so Xids are counted")


def _locks(settings: Settings, gpu_uuids: list[str]) -> tuple[Examined, ...]:
    """Whether GPUs can be held against other processes, and which are held just now."""
    locks = locks_of(settings)
    if locks is None:
        return ()
    held = []
    try:
        locks.check()
        for uuid in gpu_uuids:
            try:
                locks.take(uuid, "the doctor")
                locks.give_back(uuid)
            except Busy as error:
                held.append(str(error))
    except NodeError as error:
        return (Examined("gpu_locks", missing=str(error)),)
    return (Examined("gpu_locks", "; ".join(held) or f"GPUs can be held in {settings.state_dir}"),)


def _gateway(settings: Settings) -> tuple[Examined, ...]:
    """Whether the files for the gateway can be used; nobody is asked whether it is there."""
    if not settings.gateway:
        return ()
    try:
        gateway_of(settings)
    except NodeError as error:
        return (Examined("gateway", missing=str(error)),)
    return (Examined("gateway", f"the files for {settings.gateway} can be used; whether it answers was not asked"),)


def _cuda(settings: Settings) -> tuple[Examined, ...]:
    """CuPy in this process, which ends soon; `serve` loads it in the processes of its probes only."""
    if settings.software_gpus:
        return ()
    return (Examined("cuda", "CuPy finds GPUs", cupy_device.missing()),)


def _compiler() -> Examined:
    try:
        compile_source(_SOURCE, _ARCHITECTURE)
    except NodeError as error:
        return Examined("compiler", missing=str(error))
    return Examined("compiler", f"NVRTC compiles {_SOURCE} for {_ARCHITECTURE}")


def _transport(settings: Settings) -> Examined:
    try:
        certificates = certificates_of(settings)
    except NodeError as error:
        return Examined("tls", missing=str(error))
    if certificates is None:
        return Examined("tls", f"none: {settings.listen} is reached from this machine only")
    return Examined(
        "tls", f"certificates can be used for {settings.listen} until {certificates.current().ends:%Y-%m-%d}"
    )
