"""The probes of an agent: the variants of each kind, what they need, and how much of a run each depth is.

Those that a run has by itself; the real agent has more, which run only when they are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sentinel_fleet.sentinel.facts import ProbeName

LIGHT_REPETITIONS = 16
"""Of a light run; more than these count as deep."""
LIGHT_MEMORY_ROUNDS = 1
_AMPERE, _ADA = (8, 0), (8, 9)


@dataclass(frozen=True, slots=True)
class ProbeVariant:
    """One number format or algorithm."""

    name: str
    deep: int
    """Repetitions of a deep run."""
    since: tuple[int, int] = _AMPERE
    """The first compute capability that can run it."""


VARIANTS: Mapping[ProbeName, tuple[ProbeVariant, ...]] = {
    "FMA": tuple(ProbeVariant(name, 16_384) for name in ("fp32", "fp64", "int32")),
    "TENSOR_CORE": (
        *(ProbeVariant(name, 16_384) for name in ("fp16", "bf16", "tf32")),
        *(ProbeVariant(name, 16_384, _ADA) for name in ("fp8_e4m3", "fp8_e5m2")),
        ProbeVariant("int8", 16_384),
    ),
    "TRANSCENDENTAL": (ProbeVariant("fp32", 16_384),),
    "AES": (ProbeVariant("aes_128", 8_192),),
    "MEMORY": (ProbeVariant("march_c_minus", 14), ProbeVariant("march_ss", 14), ProbeVariant("address", 1)),
    "REGISTER_FILE": (ProbeVariant("march_c_minus", 4_096),),
    "SHARED_MEMORY": (ProbeVariant("march_c_minus", 4_096),),
}


def light_repetitions(probe: ProbeName) -> int:
    """The most that a light run makes by itself."""
    return LIGHT_MEMORY_ROUNDS if probe == "MEMORY" else LIGHT_REPETITIONS


def left_out(variant: ProbeVariant, compute: tuple[int, int]) -> str:
    """Why a GPU of this compute capability cannot run it; empty where it can."""
    if compute >= variant.since:
        return ""
    major, minor = variant.since
    return f"{variant.name} needs sm_{major}{minor} and was left out: this GPU is sm_{compute[0]}{compute[1]}"
