"""The check `gpus`: is every GPU that is plugged in also one that computes?

The PCI bus and the driver are asked apart and compared, because a GPU that the driver failed to start, or that fell off
the bus, is exactly the one that the driver's list leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sentinel_node.diagnostics.machine import Machine, subject_of
from sentinel_node.domain.diagnosis import Observation, Status, figures
from sentinel_node.domain.machine import PciDevice
from sentinel_node.domain.telemetry import GpuSample

_GIVEN_AWAY = ("vfio-pci",)


def check(machine: Machine) -> tuple[Observation, ...]:
    """Compare the driver's list with the bus."""
    samples, why = machine.samples_or_why()
    return gpu_observations(samples, machine.devices(), why)


def gpu_observations(samples: Sequence[GpuSample], devices: Sequence[PciDevice], why: str) -> tuple[Observation, ...]:
    """One for each GPU of either list, then for the node where the driver cannot be asked, or there is no GPU.

    Args:
        samples: The driver's list.
        devices: The bus.
        why: The driver cannot be asked, and why; empty where it can.
    """
    on_bus = {device.pci_bus_id: device for device in devices if device.is_gpu}
    listed = {sample.gpu.pci_bus_id for sample in samples}
    found = [_listed(sample, on_bus) for sample in samples]
    found += [_unlisted(device, why) for address, device in on_bus.items() if address not in listed]
    if why:
        found.append(Observation(Status.UNKNOWN, "node", why))
    elif not found:
        found.append(
            Observation(Status.UNKNOWN, "node", "There is no NVIDIA GPU, neither on the bus nor in the driver.")
        )
    return tuple(found)


def _listed(sample: GpuSample, on_bus: Mapping[str, PciDevice]) -> Observation:
    gpu = sample.gpu
    status, text = _judged(sample, on_bus.get(gpu.pci_bus_id))
    told = figures(
        index=gpu.index,
        pci_bus_id=gpu.pci_bus_id or None,
        model=gpu.model or None,
        serial=gpu.serial or None,
        vbios_version=gpu.vbios_version or None,
        recovery_action=sample.recovery_action or None,
        is_partitioned=gpu.is_partitioned,
        unreadable="; ".join(sample.unreadable) or None,
    )
    return Observation(status, subject_of(gpu), text, told)


def _judged(sample: GpuSample, device: PciDevice | None) -> tuple[Status, str]:
    if sample.lost:
        return Status.BAD, f"The driver has lost it: {sample.lost}."
    if device is not None and device.answers is False:
        return Status.BAD, "It does not answer on the bus: its configuration space reads as all ones."
    if device is None:
        return Status.BAD, "The driver lists it, but it is not on the PCI bus."
    if sample.recovery_action not in ("", "none"):
        return Status.BAD, f"The driver asks for recovery: {sample.recovery_action}."
    if sample.unreadable:
        return Status.WARNING, "Some of its fields cannot be read."
    return Status.OK, "The driver reads it and asks for nothing."


def _unlisted(device: PciDevice, why: str) -> Observation:
    told = figures(
        pci_device=f"10de:{device.device:04x}", kernel_driver=device.driver or "none", answers=device.answers
    )
    if device.answers is False:
        text = "It is on the PCI bus but does not answer: its configuration space reads as all ones."
        return Observation(Status.BAD, device.pci_bus_id, text, told)
    if device.driver in _GIVEN_AWAY:
        return Observation(Status.OK, device.pci_bus_id, "It is given to a virtual machine.", told)
    if why:
        return Observation(Status.UNKNOWN, device.pci_bus_id, "It is on the PCI bus; the driver cannot be asked.", told)
    return Observation(Status.BAD, device.pci_bus_id, "It is on the PCI bus, but the driver does not list it.", told)
