"""What the kernel shows of the NVIDIA driver: loaded modules and `/proc/driver/nvidia`."""

from __future__ import annotations

from pathlib import Path

from sentinel_node.domain.machine import KernelDriver
from sentinel_node.domain.pci import kernel_form
from sentinel_node.kernel.files import names, text

_PREFIXES = ("nvidia", "nouveau", "gdrdrv", "nv_peer_mem", "nova_core", "vfio_pci")


def read_driver(root: Path) -> KernelDriver:
    """The driver as it is loaded; empty where it is not."""
    loaded = (line.split(" ", 1)[0] for line in text(root / "proc/modules").splitlines())
    return KernelDriver(
        module_version=text(root / "sys/module/nvidia/version"),
        banner=text(root / "proc/driver/nvidia/version").partition("\n")[0],
        modules=tuple(sorted(name for name in loaded if name.startswith(_PREFIXES))),
        gpus=tuple(filter(None, (kernel_form(name) for name in names(root / "proc/driver/nvidia/gpus")))),
    )
