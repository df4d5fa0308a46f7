"""NVIDIA's devices on the PCI bus, as sysfs shows them: GPUs and NVSwitches with their links and error counters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.machine import AerTotals, LinkState, PciDevice
from sentinel_node.kernel.files import number, text

_NVIDIA = 0x10DE
_DISPLAY, _BRIDGE = 0x03, 0x06
_NVSWITCH = 0x0680
_ALL_ONES = b"\xff\xff\xff\xff"
_UNKNOWN_WIDTHS = (0, 255)  # PCI_EXP_LNKSTA reads so on a device that does not answer


def read_devices(root: Path) -> tuple[PciDevice, ...]:
    """Every GPU and NVSwitch of NVIDIA's, in order of addresses.

    Raises:
        Unavailable: there is no sysfs below `root`.
    """
    folder = root / "sys/bus/pci/devices"
    if not folder.is_dir():
        raise Unavailable(f"{folder} is not there; mount the host's sysfs")
    devices = (_read(entry, with_upstream=True) for entry in sorted(folder.iterdir()))
    return tuple(device for device in devices if _concerns_us(device))


def _concerns_us(device: PciDevice) -> bool:
    return device.vendor == _NVIDIA and (device.pci_class >> 8 == _DISPLAY or device.pci_class == _NVSWITCH)


def _read(entry: Path, *, with_upstream: bool) -> PciDevice:
    real = entry.resolve()
    return PciDevice(
        pci_bus_id=real.name,
        vendor=number(real / "vendor") or 0,
        device=number(real / "device") or 0,
        pci_class=(number(real / "class") or 0) >> 8,
        driver=(real / "driver").resolve().name if (real / "driver").exists() else "",
        answers=_answers(real / "config"),
        link=_link(real, "current"),
        link_max=_link(real, "max"),
        aer=AerTotals(_totals(real, "correctable"), _totals(real, "nonfatal"), _totals(real, "fatal")),
        upstream=_upstream(real) if with_upstream else None,
    )


def _upstream(real: Path) -> PciDevice | None:
    parent = real.parent
    is_bridge = (number(parent / "class") or 0) >> 16 == _BRIDGE
    return _read(parent, with_upstream=False) if is_bridge else None


def _answers(config: Path) -> bool | None:
    try:
        with config.open("rb") as file:
            head = file.read(len(_ALL_ONES))
    except OSError:
        return None
    return head != _ALL_ONES if head else None


def _link(real: Path, which: str) -> LinkState:
    speed = text(real / f"{which}_link_speed").partition(" ")[0]
    width = number(real / f"{which}_link_width")
    is_number = speed.replace(".", "", 1).isdecimal()
    return LinkState(float(speed) if is_number else None, None if width in _UNKNOWN_WIDTHS else width)


def _totals(real: Path, severity: str) -> Mapping[str, int] | None:
    """Lines of ``RxErr 3``; the last one, a total of all, is left away."""
    lines = [line.split() for line in text(real / f"aer_dev_{severity}").splitlines()]
    counts = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}
    return {name: count for name, count in counts.items() if not name.startswith("TOTAL_")} if counts else None
