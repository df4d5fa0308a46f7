"""The GPU models a fleet can be made of, with the figures their metrics move around.

Ranges are what such parts show in service: board power at training load a little under the limit, core temperatures
in the fifties and sixties, memory some degrees above.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuModel:
    """One product and its working range."""

    name: str
    product: str
    """As the label nvidia.com/gpu.product spells it."""
    instance_type: str
    pci_device: str
    memory_mib: int
    idle_w: float
    busy_w: float
    limit_w: float
    sm_clock_mhz: tuple[int, int]
    """Lowest and highest SM clock under load."""
    memory_clock_mhz: int
    busy_c: float
    """Core temperature at full load with ordinary inlet air."""
    nvlinks: int
    pcie_gen: int
    compute: str
    """Compute capability, major.minor."""
    pci_buses: tuple[str, ...] = ()
    """Fixed addresses (domain:bus:device) where the platform has them; empty: drawn per fleet."""


MODELS: dict[str, GpuModel] = {
    model.name: model
    for model in (
        GpuModel(
            "NVIDIA H200", "NVIDIA-H200", "gpu.h200.8x", "2335", 143771, 78.0, 668.0, 700.0,
            (1755, 1980), 3201, 61.0, 18, 5, "9.0",
        ),
        GpuModel(
            "NVIDIA H100 80GB HBM3", "NVIDIA-H100-80GB-HBM3", "gpu.h100.8x", "2330", 81559, 72.0, 655.0, 700.0,
            (1755, 1980), 2619, 60.0, 18, 5, "9.0",
        ),
        GpuModel(
            "NVIDIA A100-SXM4-80GB", "NVIDIA-A100-SXM4-80GB", "gpu.a100.8x", "20b2", 81920, 58.0, 372.0, 400.0,
            (1290, 1410), 1593, 57.0, 12, 4, "8.0",
        ),
        GpuModel(
            "NVIDIA B200", "NVIDIA-B200", "gpu.b200.8x", "2901", 183359, 140.0, 935.0, 1000.0,
            (1650, 1965), 3996, 58.0, 18, 5, "10.0",
        ),
        GpuModel(
            "NVIDIA GB200", "NVIDIA-GB200", "gpu.gb200.4x", "2941", 189471, 150.0, 1120.0, 1200.0,
            (1650, 2062), 3996, 52.0, 18, 6, "10.0",
            ("0008:01:00", "0009:01:00", "0018:01:00", "0019:01:00"),
        ),
    )
}  # fmt: skip

PCI_BUSES = (
    ("17", "1a", "18", "0f", "1b", "07", "10", "19"),
    ("3b", "3d", "2a", "2d", "3c", "0b", "34", "43"),
    ("5d", "5a", "4e", "48", "52", "51", "5c", "53"),
    ("7e", "7b", "6c", "66", "71", "6a", "78", "61"),
    ("9b", "91", "93", "9a", "9d", "87", "90", "97"),
    ("bb", "b4", "b5", "ba", "b9", "ab", "b7", "a8"),
    ("cd", "c4", "cb", "ca", "c3", "d3", "d1", "c6"),
    ("e4", "e1", "db", "dc", "e5", "df", "da", "eb"),
)
"""For each GPU index the bus numbers it may have; a fleet draws one each, ascending with the index."""
