"""Which GPU: what names it for the wire, and what a probe must know of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuIdentity:
    """One GPU as the driver names it. Text that the driver does not give is empty."""

    uuid: str
    """``GPU-...``"""
    index: int
    """The driver's own, from 0; it may change with a reboot."""
    pci_bus_id: str
    """Domain, bus, device and function in lower case, e.g. ``0000:9b:00.0``, as the kernel writes it in an Xid line."""
    model: str
    serial: str = ""
    driver_version: str = ""
    vbios_version: str = ""
    memory_bytes: int = 0
    """All of it, what the driver keeps for itself included."""
    compute_capability: tuple[int, int] = (0, 0)
    """Major and minor, (9, 0) for Hopper; (0, 0) where unknown."""
    sm_count: int = 0
    """By the driver's library; 0 where it does not say. A probe's report has it from CUDA, which counts."""
    is_partitioned: bool = False
    """MIG is on: SM numbers then belong to a partition, so probes refuse."""

    @property
    def architecture(self) -> str:
        """The compiler's name for it, e.g. ``sm_90``."""
        major, minor = self.compute_capability
        return f"sm_{major}{minor}"
