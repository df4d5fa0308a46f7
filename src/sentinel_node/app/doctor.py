"""`sentinel-node doctor`: what can be done on this machine, part by part, with what would provide the rest."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from sentinel_node.app.machine import look, machine_of, seams_of
from sentinel_node.app.settings import Settings
from sentinel_node.device import cupy_device
from sentinel_node.domain.errors import NodeError
from sentinel_node.probes.compiling import compile_source
from sentinel_node.service.certificates import CertificateFiles, Certificates

_SOURCE, _ARCHITECTURE = "fma.cu", "sm_90"


@dataclass(frozen=True, slots=True)
class Examined:
    """One part: what was found of it, or what is missing."""

    name: str
    found: str = "it answers"
    missing: str = ""


async def examine(settings: Settings) -> tuple[Examined, ...]:
    """Look at everything that `serve` would use, and open no port."""
    with ExitStack() as opened:
        machine = machine_of(settings, seams_of(settings, opened))
        await look(machine)
        parts = tuple(Examined(part.name, missing=part.missing) for part in machine.parts)
    return (*parts, *_cuda(settings), _compiler(), _transport(settings))


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
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return Examined("tls", f"none: {settings.listen} is reached from this machine only")
    try:
        Certificates(CertificateFiles(settings.tls_cert_file, settings.tls_key_file, settings.tls_ca_file))
    except NodeError as error:
        return Examined("tls", missing=str(error))
    return Examined("tls", f"certificates can be used for {settings.listen}")
