"""What one line of the kernel's log is about: an Xid, an SXid, a PCIe error, a device.

The shapes are those of NVIDIA's open kernel modules and of the kernel's AER driver. Three traps: the notice that a GPU
has fallen off the bus may carry no Xid; an SXid prints two more lines, ``Severity ...`` and ``Data {...}``, which are
the same event and so carry no number here; and old drivers write the address without ``PCI:``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sentinel_node.domain.pci import kernel_form

_ADDRESS = r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?"

_INSTANCE = r"(?: GPU-I:\d{1,3})?"
_XID = re.compile(rf"NVRM: Xid \((?:PCI:)?({_ADDRESS}){_INSTANCE}\): (\d{{1,5}})\b")
_SXID = re.compile(rf"nvidia-nvswitch\d+: SXid \(PCI:({_ADDRESS})\): (\d{{1,6}})\b(?!, (?:Data \{{|Severity ))")
_OFF_BUS = re.compile(r"NVRM: .*fallen off the bus")
_SEVERITY = r"(?P<class>Correct|Uncorrect)(?:ed|able)(?: \((?P<extent>Non-Fatal|Fatal)\))?"
_AER_ROOT = re.compile(
    rf"\S+ {_ADDRESS}: AER: (?:Multiple )?{_SEVERITY} error (?:message )?received(?::| from) (?P<device>{_ADDRESS})"
)
_AER_DEVICE = re.compile(rf"\S+ (?P<device>{_ADDRESS}): (?:AER: )?PCIe Bus Error: severity={_SEVERITY}")
_ANY_DEVICE = re.compile(rf"(?:(?<![\w:.-])|(?<=PCI:))({_ADDRESS})(?![\w:-])")


@dataclass(frozen=True, slots=True)
class Mention:
    """What a line names; see `KernelRecord` for each."""

    xid: int | None = None
    sxid: int | None = None
    pci_bus_id: str = ""
    aer: str = ""
    is_off_bus: bool = False


def mention_of(message: str) -> Mention:
    """What a line of the kernel itself is about."""
    if found := _XID.match(message):
        return Mention(xid=int(found[2]), pci_bus_id=kernel_form(found[1]), is_off_bus=_says_off_bus(message))
    if found := _SXID.match(message):
        return Mention(sxid=int(found[2]), pci_bus_id=kernel_form(found[1]))
    if found := _AER_ROOT.match(message) or _AER_DEVICE.match(message):
        return Mention(pci_bus_id=kernel_form(found["device"]), aer=_severity(found))
    device = _ANY_DEVICE.search(message)
    return Mention(pci_bus_id=kernel_form(device[1]) if device else "", is_off_bus=_says_off_bus(message))


def _says_off_bus(message: str) -> bool:
    return _OFF_BUS.match(message) is not None


def _severity(found: re.Match[str]) -> str:
    if found["class"] == "Correct":
        return "corrected"
    return "fatal" if found["extent"] == "Fatal" else "non_fatal"
