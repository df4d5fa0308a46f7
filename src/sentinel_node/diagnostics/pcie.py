"""The checks `pcie_links` and `pcie_errors`: is each GPU's way to the host as wide, fast and clean as it can be?

A lower speed is how an idle GPU saves power, so it counts only while the GPU works; a lower width never is. What a slot
cannot give is no fault of the card: the port above limits what is expected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sentinel_node.diagnostics.machine import Machine
from sentinel_node.domain.diagnosis import Observation, Status, figures
from sentinel_node.domain.machine import AerTotals, LinkState, PciDevice
from sentinel_node.domain.telemetry import GpuSample

_BUSY_PCT = 5.0
# Replays in a minute on one lane that the PCIe bit error rate of 1e-12 allows, by speed; DCGM's limit for its health
# check (dcgmlib/src/DcgmHealthWatch.cpp of https://github.com/NVIDIA/DCGM).
_TOLERATED_PER_LANE_MINUTE: Mapping[float, float] = {2.5: 0.15, 5: 0.3, 8: 0.48, 16: 0.96, 32: 1.92, 64: 3.84}


def check_links(machine: Machine) -> tuple[Observation, ...]:
    """Compare each link with what both its ends can."""
    samples, _ = machine.samples_or_why()
    return link_observations(machine.devices(), samples)


def check_errors(machine: Machine) -> tuple[Observation, ...]:
    """Look at the kernel's counters of each device and of the port above it."""
    return error_observations(machine.devices(), machine.uptime_s())


def link_observations(devices: Sequence[PciDevice], samples: Sequence[GpuSample]) -> tuple[Observation, ...]:
    """One for each device that has a link."""
    load = {sample.gpu.pci_bus_id: sample.utilization_pct for sample in samples}
    return tuple(_link(device, load.get(device.pci_bus_id)) for device in devices) or _no_device()


def _link(device: PciDevice, load_pct: float | None) -> Observation:
    could = _expected(device)
    told = figures(
        width=device.link.width,
        width_expected=could.width,
        speed_gt_per_s=device.link.gt_per_s,
        speed_expected_gt_per_s=could.gt_per_s,
        utilization_pct=load_pct,
    )
    status, text = _judged(device.link, could, load_pct)
    return Observation(status, device.pci_bus_id, text, told)


def _judged(link: LinkState, could: LinkState, load_pct: float | None) -> tuple[Status, str]:
    if link.width is None or link.gt_per_s is None or could.width is None or could.gt_per_s is None:
        return Status.UNKNOWN, "The kernel does not tell its link; a device that fell off the bus reads so."
    if link.width < could.width:
        return Status.BAD, f"The link has {link.width} lanes of {could.width}."
    if link.gt_per_s >= could.gt_per_s:
        return Status.OK, "The link is as wide and fast as it can be."
    slow = f"The link runs at {link.gt_per_s:g} of {could.gt_per_s:g} GT/s"
    if load_pct is None:
        return Status.UNKNOWN, f"{slow}; whether it saves power or is slow is not known, since its load is not."
    if load_pct < _BUSY_PCT:
        return Status.OK, f"{slow} while the GPU is idle, which saves power; measure under load."
    return Status.WARNING, f"{slow} though the GPU works."


def _expected(device: PciDevice) -> LinkState:
    above = device.upstream.link_max if device.upstream else LinkState(None, None)
    return LinkState(
        _least(device.link_max.gt_per_s, above.gt_per_s),
        None if (width := _least(device.link_max.width, above.width)) is None else int(width),
    )


def _least(own: float | None, above: float | None) -> float | None:
    return own if own is None or above is None else min(own, above)


def error_observations(devices: Sequence[PciDevice], uptime_s: float | None) -> tuple[Observation, ...]:
    """One for each device and each port above one."""
    ports = {device.upstream.pci_bus_id: device.upstream for device in devices if device.upstream}
    return tuple(_errors(device, uptime_s) for device in (*devices, *ports.values())) or _no_device()


def _errors(device: PciDevice, uptime_s: float | None) -> Observation:
    aer = device.aer
    if aer == AerTotals():
        text = "The kernel does not count its PCIe errors: AER is off, or the firmware keeps it."
        return Observation(Status.UNKNOWN, device.pci_bus_id, text)
    fatal, non_fatal, corrected = (sum((counts or {}).values()) for counts in (aer.fatal, aer.non_fatal, aer.corrected))
    told = figures(fatal=fatal, non_fatal=non_fatal, corrected=corrected, **_by_name(aer))
    if fatal:
        return Observation(Status.BAD, device.pci_bus_id, "It had fatal PCIe errors.", told)
    if non_fatal:
        return Observation(Status.WARNING, device.pci_bus_id, "It had uncorrected PCIe errors.", told)
    if corrected and _is_too_many(corrected, device.link, uptime_s):
        return Observation(Status.WARNING, device.pci_bus_id, "Its corrected PCIe errors come too often.", told)
    text = (
        "Its corrected PCIe errors are as rare as the specification allows." if corrected else "It had no PCIe errors."
    )
    return Observation(Status.OK, device.pci_bus_id, text, told)


def _by_name(aer: AerTotals) -> Mapping[str, int]:
    """What there was at all, e.g. ``corrected_RxErr``."""
    by_extent = {"fatal": aer.fatal, "non_fatal": aer.non_fatal, "corrected": aer.corrected}
    return {
        f"{extent}_{name}": count
        for extent, counts in by_extent.items()
        for name, count in (counts or {}).items()
        if count
    }


def _is_too_many(corrected: int, link: LinkState, uptime_s: float | None) -> bool:
    """On average since the boot; a burst that is long over is not seen so, and needs two readings."""
    if uptime_s is None or link.width is None or link.gt_per_s is None:
        return False
    tolerated = math.ceil(_TOLERATED_PER_LANE_MINUTE.get(link.gt_per_s, 0) * link.width)
    return corrected > tolerated * max(1.0, uptime_s / 60)


def _no_device() -> tuple[Observation, ...]:
    return (Observation(Status.UNKNOWN, "node", "There is no NVIDIA device on the PCI bus."),)
