"""What the driver says of a GPU at one moment.

None means that this GPU or driver does not tell, which is not zero: a consumer card has no ECC, a PCIe card no NVLink.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_node.domain.gpu import GpuIdentity


@dataclass(frozen=True, slots=True)
class EccErrors:
    """Errors since the driver was loaded (volatile) or since the board was made (aggregate)."""

    corrected: int | None
    uncorrected: int | None


@dataclass(frozen=True, slots=True)
class MemoryErrors:
    """ECC by location, and the rows that were remapped for it."""

    sram_volatile: EccErrors
    dram_volatile: EccErrors
    sram_aggregate: EccErrors
    dram_aggregate: EccErrors
    remapped_corrected_rows: int | None = None
    remapped_uncorrected_rows: int | None = None
    is_remap_pending: bool | None = None
    """A row waits for the next reset."""
    has_remap_failed: bool | None = None
    """No spare row was left: the board is to be replaced."""
    retired_pages: int | None = None
    """Boards before Ampere; both causes."""
    pending_retired_pages: int | None = None
    is_sram_threshold_exceeded: bool | None = None
    """More uncorrectable SRAM errors in one place than the driver tolerates: a case for field diagnostics."""
    banks_without_spare_rows: int | None = None
    """Memory banks whose next bad row cannot be remapped."""


@dataclass(frozen=True, slots=True)
class NvLink:
    """One link's state and running totals."""

    index: int
    is_active: bool
    crc_errors: int | None
    replay_errors: int | None
    recovery_errors: int | None = None
    remote_pci_bus_id: str = ""


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One GPU at one moment."""

    gpu: GpuIdentity
    unix_ns: int
    """When it was read, by this machine's clock."""
    memory_errors: MemoryErrors
    links: tuple[NvLink, ...] = ()
    temperature_c: float | None = None
    memory_temperature_c: float | None = None
    fan_speed_pct: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    utilization_pct: float | None = None
    memory_utilization_pct: float | None = None
    memory_used_bytes: int | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    pcie_replays: int | None = None
    clock_event_reasons: tuple[str, ...] = ()
    """By the driver's names, e.g. ``sw_power_cap``, ``hw_thermal_slowdown``; empty where the clocks are free."""
    recovery_action: str = ""
    """What the driver asks for: ``none``, ``gpu_reset``, ``node_reboot``, ``drain_p2p``, ``drain_and_reset``,
    ``recover_imex_domain``, ``bus_reset`` or ``system_reboot``; empty where it does not tell."""
    compute_processes: tuple[int, ...] | None = ()
    """Process numbers that hold a compute context on it; None where the driver does not tell, which is not nobody."""
    unreadable: tuple[str, ...] = ()
    """Fields that failed though the GPU has them, each with the driver's word."""
    lost: str = ""
    """The driver's word when it has lost this GPU: nothing else could then be read. Empty for a GPU that answers."""
