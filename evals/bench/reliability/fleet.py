"""A fleet of GPUs: hosts, models and drivers, mixed as fleets are."""

from __future__ import annotations

from random import Random

from sentinel_gateway.domain.identity import Gpu

MODELS = ("NVIDIA H100 80GB HBM3",) * 6 + ("NVIDIA H200",) * 3 + ("NVIDIA A100-SXM4-80GB",)
"""Of ten hosts six have H100, three H200, one A100, on average."""
DRIVERS = ("570.133.20", "580.95.05")
NEW_DRIVER = "590.48.01"
PHASES = 12
"""Hosts begin their sweeps at so many different moments of a minute."""


def fleet_of(gpus: int, per_host: int = 8) -> tuple[Gpu, ...]:
    """So many GPUs; all of a host are alike."""
    return tuple(_gpu(number, number // per_host, number % per_host) for number in range(gpus))


def _gpu(number: int, host: int, place: int) -> Gpu:
    random = Random(host)  # noqa: S311 - a simulation
    model, driver = random.choice(MODELS), random.choice(DRIVERS)
    return Gpu(f"GPU-{number:08d}", f"node-{host:05d}", place, model, driver, "96.00")


def phase_s(gpu: Gpu) -> float:
    """When in a minute its host sweeps."""
    return int(gpu.hostname.removeprefix("node-")) % PHASES * 60.0 / PHASES
