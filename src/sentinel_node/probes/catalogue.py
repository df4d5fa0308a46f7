"""Which probes there are. A new kind is one module with a `Probe`, its kernel, its twin, and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.probes.aes import AES
from sentinel_node.probes.fma import FMA
from sentinel_node.probes.memory import MEMORY
from sentinel_node.probes.registers import REGISTER_FILE
from sentinel_node.probes.session import Probe
from sentinel_node.probes.shared import SHARED_MEMORY
from sentinel_node.probes.tensor_core import TENSOR_CORE
from sentinel_node.probes.transcendental import TRANSCENDENTAL
from sentinel_node.probes.variant import Variant

_ALL: tuple[Probe, ...] = (
    FMA,
    TENSOR_CORE,
    TRANSCENDENTAL,
    AES,
    MEMORY,
    REGISTER_FILE,
    SHARED_MEMORY,
)

PROBES: Mapping[ProbeKind, Probe] = {probe.kind: probe for probe in _ALL}


def variants() -> tuple[Variant, ...]:
    """Every kernel of every kind."""
    return tuple(variant for probe in _ALL for variant in probe.variants)
