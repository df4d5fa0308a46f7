"""Which probes a suspicion asks for. A table, each line with where it comes from; what no probe can tell is refused.

Links, power, cooling, drivers and workloads are not in it: a GPU with any of these faults computes right, and a pass
would be read as if it had cleared them.
"""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.domain.faults import MEANING, FaultClass
from gcm_sentinel.domain.node_probes import ProbeKind as Kind

COMPUTE = (Kind.FMA, Kind.TENSOR_CORE, Kind.REGISTER_FILE, Kind.SHARED_MEMORY, Kind.TRANSCENDENTAL, Kind.AES)
"""Those whose findings name an SM: arithmetic units, and the memory that is part of an SM."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The probes for a suspicion."""

    kinds: tuple[Kind, ...]
    source: str
    limits: str = ""
    """What a pass leaves open, beyond what it always does."""


_MARCH = "docs/probes.md, Memory: March tests over free HBM with reads that bypass the caches"
_ECC = (
    "ECC corrects single bits before a probe sees them, and rows that the driver has put aside, memory in use and"
    " faults that need minutes are not tested"
)
_EXACT = "docs/probes.md, The compute probes: exact results on every SM, a failure tied to the SM that computed it"

CHOICES: dict[FaultClass, Choice] = {
    FaultClass.GPU_SM_DEFECT: Choice(COMPUTE, _EXACT),
    FaultClass.SDC_CONFIRMED: Choice((*COMPUTE, Kind.MEMORY), _EXACT),
    FaultClass.SDC_SUSPECTED: Choice((*COMPUTE, Kind.MEMORY), _EXACT),
    FaultClass.SDC_PROBE_DEFECT: Choice(COMPUTE, "docs/probes.md, The outcomes: where all fails, suspect the host"),
    FaultClass.SRAM_UNCORRECTABLE: Choice(
        (Kind.SHARED_MEMORY, Kind.REGISTER_FILE),
        "docs/probes.md, Shared memory and Register file: the two SRAMs of an SM that a kernel can walk",
        "L2 and the other caches are SRAM too and are not tested",
    ),
    FaultClass.HBM_REMAP_PENDING: Choice((Kind.MEMORY,), _MARCH, _ECC),
    FaultClass.HBM_CONTAINED_ERROR: Choice((Kind.MEMORY,), _MARCH, _ECC),
    FaultClass.HBM_UNCONTAINED_ERROR: Choice((Kind.MEMORY,), _MARCH, _ECC),
    FaultClass.HBM_REMAP_EXHAUSTED: Choice((Kind.MEMORY,), _MARCH, _ECC),
    FaultClass.HBM_CORRECTABLE_STORM: Choice((Kind.MEMORY,), _MARCH, _ECC),
    FaultClass.HBM_ECC_ESCAPE: Choice((Kind.MEMORY,), _MARCH, _ECC),
}

SUSPICIONS = (*map(str, CHOICES), *map(str, Kind))
"""Every word that is taken."""


def choose(suspicion: str) -> Choice:
    """The probes for a fault class, or the one that is named.

    Raises:
        ValueError: no probe can tell, or there is no such suspicion.
    """
    if suspicion in set(map(str, Kind)):
        limits = _ECC if suspicion == Kind.MEMORY else ""
        return Choice((Kind(suspicion),), "asked for by name", limits)
    if suspicion not in set(map(str, FaultClass)):
        raise ValueError(f"'suspicion' must be one of {', '.join(SUSPICIONS)}; not {suspicion!r:.80}")
    fault = FaultClass(suspicion)
    if fault not in CHOICES:
        raise ValueError(
            f"a probe cannot tell {fault} ({MEANING[fault]}): a GPU with it may compute right, so neither a pass nor a"
            f" failure would speak for or against it. Probes tell: {', '.join(SUSPICIONS)}"
        )
    return CHOICES[fault]
