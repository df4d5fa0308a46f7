"""Kernel messages recognised: Xids, SXids and the other lines that bear on a GPU node. Pure, one line at a time.

`recognise` says what a message is; it keeps no state. Continuations (the data lines of an SXid, the detail line of an
AER report, the second and third line of the load-time banner) are marked, so that the collector counts one event once.
Formats are those of the driver's and the kernel's own sources.

Whoever prints a line chooses what these patterns read, so the time they take grows with its length and never with its
square: runs are bounded or begin at one place, and ``.*`` within a rule is no part of a pattern. It parts two that are
looked for one after the other, each once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gcm_sentinel.domain.entity import normal_pci

_PCI = r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-9a-fA-F])?"


@dataclass(frozen=True, slots=True)
class XidLine:
    """One Xid message."""

    xid: int
    pci: str
    """``0000:17:00``."""
    text: str
    pid: int | None = None
    process: str | None = None
    places: tuple[str, ...] = ()
    words: tuple[int, ...] = ()
    """The hex words of Xid 74; empty for others."""
    action: str = ""
    """The recovery action Xid 154 announces."""


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One recognised message that is not an Xid."""

    kind: str
    """As `KernelRecord.kind`."""
    device: str = ""
    code: str = ""
    continues: bool = False
    """It continues an event of the same kind and device that was just seen, and is counted only without one."""


@dataclass(frozen=True, slots=True)
class GpuSerial:
    """The driver's own statement which UUID or serial number sits at a PCI address."""

    pci: str
    """Empty in a line that goes on about the GPU named before it."""
    uuid: str = ""
    serial: str = ""


Recognised: TypeAlias = XidLine | KernelLine | GpuSerial

_THEN = ".*"
_KEYWORDS = re.compile(
    r"NVRM|SXid|nvidia|nouveau|AER|PCIe|pciehp|DPC|mce:|Machine [Cc]heck|Hardware Error|EDAC|Kernel panic|soft lockup"
    r"|hard LOCKUP|blocked for more|nfs:|Out of memory|out of memory|oom-kill|mlx5|[Ll]ink is [Dd]own|lost carrier"
    r"|Link DOWN|temperature above|critical temperature|I/O error|EXT4-fs error|XFS \(|read-only|segfault|rcu:|nvme"
)
_XID = re.compile(
    r"NVRM: Xid \((?:PCI:)?(?P<pci>[0-9a-fA-F:]+)(?:\.\d)?(?: GPU-I:(?P<mig>\d+))?\): (?P<xid>\d+)"
    r"(?:, (?:pid=(?P<pid>[^,]*), )?"
    r"(?:name=(?P<name>[^,]*), )?(?P<rest>.*))?",
    re.DOTALL,
)
_GPC = re.compile(r"GPC (\d+),? TPC (\d+)")
_CLIENT = re.compile(r"GPCCLIENT_\w+|HUBCLIENT_\w+")
_LINK = re.compile(r"[Ll]ink (\d+)")
_UNIT = re.compile(r"(LTC TAG|LTC DATA|FB DED|FB \w+|L1 \w+) (\(0x[0-9a-f]+, ?0x[0-9a-f]+\))")
_BANK = re.compile(r"bank (\d+|0x[0-9a-fA-F]+)")
_GSP_GPU = re.compile(r"response from (GPU\d+) GSP")
_WORDS = re.compile(r"[Ll]ink \d+ ?\(((?:0x[0-9a-fA-F]{1,16}(?:, ?)?){1,32})\)")
_ACTION = re.compile(r"to 0x[0-9a-fA-F]+ \(([^)]{0,80})\)")


def recognise(text: str) -> Recognised | None:
    """What a kernel message is; None when it says nothing that is known here."""
    if _KEYWORDS.search(text) is None:
        return None
    if "Xid (" in text:
        found = _XID.search(text)
        if found and "SXid" not in text:
            return _xid(found, text)
    for patterns, make in _RULES:
        groups = _in_turn(patterns, text)
        if groups is not None:
            return make(groups)
    return None


def _in_turn(patterns: Sequence[re.Pattern[str]], text: str) -> Groups | None:
    """The groups of all, each found after the end of the one before; None where one is not."""
    groups: dict[str, str | None] = {}
    end = 0
    for pattern in patterns:
        found = pattern.search(text, end)
        if found is None:
            return None
        end = found.end()
        groups |= found.groupdict()
    return groups


def _xid(found: re.Match[str], text: str) -> XidLine:
    number = int(found["xid"])
    pid, name = (found["pid"] or "").strip("'"), (found["name"] or "").strip("'")
    rest = found["rest"] or ""
    words = _WORDS.search(rest) if number == 74 else None
    action = _ACTION.search(rest) if number == 154 else None
    return XidLine(
        xid=number,
        pci=normal_pci(found["pci"]),
        text=text,
        pid=int(pid) if pid.isdecimal() else None,
        process=name if name and not name.startswith("<") else None,
        places=(*_instance(found["mig"]), *_places(rest)),
        words=tuple(int(word, 16) for word in words[1].replace(",", " ").split()) if words else (),
        action=action[1] if action else "",
    )


def _instance(number: str | None) -> tuple[str, ...]:
    """The MIG slice the driver blames, where it names one."""
    return (f"GPU instance {int(number)}",) if number else ()


def _places(rest: str) -> tuple[str, ...]:
    found = [f"GPC {gpc} TPC {tpc}" for gpc, tpc in _GPC.findall(rest)]
    found += _CLIENT.findall(rest)
    found += [f"link {int(link)}" for link in _LINK.findall(rest)]
    found += [f"{unit} {place}" for unit, place in _UNIT.findall(rest)]
    found += [f"bank {bank}" for bank in _BANK.findall(rest)]
    found += _GSP_GPU.findall(rest)
    return tuple(dict.fromkeys(found))


Groups: TypeAlias = Mapping[str, str | None]
Make: TypeAlias = Callable[[Groups], Recognised]


def _of(kind: str, code: str = "", *, continues: bool = False) -> Make:
    """A rule's answer; the groups ``dev`` and ``code`` of the pattern fill device and code."""

    def make(groups: Groups) -> Recognised:
        device = _text(groups, "dev")
        device = normal_pci(device) if device.count(":") == 2 else device.strip()
        return KernelLine(kind, device, (_text(groups, "code") or code).strip(), continues)

    return make


def _text(groups: Groups, name: str) -> str:
    """What a group took; empty where it took no part."""
    return groups.get(name) or ""


def _sxid(groups: Groups) -> Recognised:
    words = _text(groups, "rest")
    continues = not words.startswith(("Fatal", "Non-fatal"))
    kind = "sxid_nonfatal" if words.startswith("Non-fatal") else "sxid_fatal"
    return KernelLine("sxid" if continues else kind, _pci(groups), _text(groups, "code"), continues)


def _uncorrectable(groups: Groups) -> Recognised:
    level = "fatal" if _text(groups, "level").lower() == "fatal" else "non-fatal"
    return KernelLine("aer_uncorrectable", _pci(groups), level, continues="detail" in groups)


def _uuid(groups: Groups) -> Recognised:
    return GpuSerial(_pci(groups), _text(groups, "uuid"))


def _serial(groups: Groups) -> Recognised:
    return GpuSerial(_pci(groups), serial=_text(groups, "serial"))


def _board_serial(groups: Groups) -> Recognised:
    return GpuSerial("", serial=_text(groups, "serial"))


def _pci(groups: Groups) -> str:
    return normal_pci(_text(groups, "dev"))


_RULES: tuple[tuple[tuple[re.Pattern[str], ...], Make], ...] = tuple(
    (tuple(map(re.compile, pattern.split(_THEN))), make)
    for pattern, make in (
        (rf"SXid \(PCI:(?P<dev>{_PCI})\): (?P<code>\d+), (?P<rest>[^\n]*)", _sxid),
        (rf"\ANVRM: GPU at PCI:(?P<dev>{_PCI}): (?P<uuid>GPU-[0-9a-f-]+)", _uuid),
        (rf"\ANVRM: GPU (?P<dev>{_PCI}): GPU serial number is (?P<serial>\w+)", _serial),
        (r"\ANVRM: GPU Board Serial Number: (?P<serial>\w+)", _board_serial),
        (rf"NVRM: GPU (?:at )?(?:PCI:)?(?P<dev>{_PCI}):? (?:GPU )?has fallen off the bus", _of("off_bus_banner")),
        (rf"NVRM: The NVIDIA GPU (?P<dev>{_PCI})$", _of("banner_opens")),
        (r"NVRM: \(PCI ID: [0-9a-f:]+\) installed in this system has", _of("banner_goes_on")),
        (r"NVRM: .*fallen off the bus and is not responding", _of("off_bus_banner", continues=True)),
        (rf"NVRM: GPU (?P<dev>{_PCI}): RmInitAdapter failed! \((?P<code>[^)]{{0,80}})\)", _of("rm_init_failed")),
        (rf"NVRM: GPU (?P<dev>{_PCI}): rm_init_adapter failed", _of("rm_init_failed", continues=True)),
        (r"NVRM: The NVIDIA probe routine (?:failed|was not called) for (?P<code>\d+) device", _of("probe_failed")),
        (rf"nvidia (?P<dev>{_PCI}): probe .*failed with error (?P<code>-?\d+)", _of("probe_failed")),
        (rf"nvidia: probe of (?P<dev>{_PCI}) failed with error (?P<code>-?\d+)", _of("probe_failed")),
        (r"NVRM: None of the NVIDIA (?:devices|graphics adapters) were initialized", _of("probe_failed", "none")),
        (r"nvidia\S{0,32}: module verification failed", _of("module_signature")),
        (r"[Ll]oading of (?:unsigned )?module .*(?:rejected|restricted)", _of("module_signature", "rejected")),
        (rf"NVRM: Rate limiting GSP RPC error prints for GPU at PCI:(?P<dev>{_PCI})", _of("gsp_rate_limit")),
        (r"NVRM: API mismatch", _of("other", "driver_api_mismatch")),
        (rf"nouveau (?P<dev>{_PCI}):", _of("other", "nouveau")),
        (r"nvidia_peermem: ERROR", _of("other", "nvidia_peermem")),
        (
            rf"AER: (?:Multiple )?Correct(?:ed|able) error (?:message )?received(?::| from) ?(?P<dev>{_PCI})",
            _of("aer_corrected"),
        ),
        (rf"(?P<dev>{_PCI}): PCIe Bus Error: severity=Correct(?:ed|able)", _of("aer_corrected", continues=True)),
        (
            rf"AER: (?:Multiple )?Uncorrect(?:ed|able) \((?P<level>Fatal|Non-Fatal)\) error .*(?P<dev>{_PCI})",
            _uncorrectable,
        ),
        (
            rf"pcieport (?P<dev>{_PCI}): AER: (?:Multiple )?Uncorrect(?:ed|able) \((?P<level>Fatal|Non-Fatal)\)",
            _uncorrectable,
        ),
        (
            rf"(?P<dev>{_PCI}): (?P<detail>PCIe Bus Error): severity=Uncorrect\w+ \((?P<level>Fatal|Non-Fatal)\)",
            _uncorrectable,
        ),
        (rf"(?P<dev>{_PCI}).*pciehp.*(?P<code>Link Down|Card not present)", _of("pcie_link_down")),
        (r"pciehp.*(?P<code>Link Down|Card not present)", _of("pcie_link_down")),
        (rf"(?P<dev>{_PCI}): DPC: containment event", _of("pcie_link_down", "DPC containment")),
        (r"Kernel panic - not syncing: (?P<code>[^\n]*)", _of("panic")),
        (r"(?P<code>soft lockup|hard LOCKUP)[^\[]*(?:\[(?P<dev>[^\]:]{1,64})[^\]]{0,64}\])?", _of("soft_lockup")),
        (r"rcu: INFO: \S+ (?:self-)?detected stall", _of("soft_lockup", "rcu stall")),
        (r"INFO: task (?P<dev>\S+):\d+ blocked for more than (?P<code>\d+) seconds", _of("hung_task")),
        (r"nfs: server (?P<dev>\S+) (?P<code>not responding|timed out)", _of("nfs_not_responding")),
        (r"nfs: server (?P<dev>\S+) OK", _of("other", "nfs_server_ok")),
        (
            r"(?P<code>Memory cgroup out of memory|Out of memory): Killed process \d+ \((?P<dev>[^)]{0,64})\)",
            _of("oom_kill"),
        ),
        (r"EDAC (?P<dev>\S+): .*\bUE\b", _of("edac_ue")),
        (r"EDAC (?P<dev>\S+): .*\bCE\b", _of("edac_ce")),
        (r"mce: |Machine [Cc]heck|\[Hardware Error\]", _of("mce")),
        (rf"mlx5_core (?P<dev>{_PCI}).*Detected insufficient power on the PCIe slot", _of("mlx5_power")),
        (r"mlx5_pcie_event.*Detected insufficient power on the PCIe slot", _of("mlx5_power")),
        (rf"mlx5_core (?P<dev>{_PCI}).*ACCESS_REG\((?P<code>0x[0-9a-f]+)\)", _of("mlx5_access_reg")),
        (r"mlx5_cmd_out_err.*ACCESS_REG\((?P<code>0x[0-9a-f]+)\)", _of("mlx5_access_reg")),
        (
            rf"mlx5_core (?P<dev>{_PCI}).*Port module event.*, (?P<code>Cable (?:unplugged|error)[^\n]*)",
            _of("mlx5_cable"),
        ),
        (rf"mlx5_core (?P<dev>{_PCI}).*[Ll]ink [Dd]own", _of("mlx5_link_down")),
        (r"(?P<dev>mlx5_\d+):? .*[Ll]ink (?:is )?(?:DOWN|[Dd]own)", _of("mlx5_link_down")),
        (r"(?<!\S)(?P<dev>\S{1,64}): (?:NIC )?Link is [Dd]own", _of("link_down")),
        (r"(?<!\S)(?P<dev>\S{1,64}): [Ll]ost carrier", _of("link_down", "lost carrier")),
        (r"(?P<dev>CPU\d+): (?:Core|Package) temperature above threshold", _of("thermal")),
        (r"critical temperature reached", _of("thermal", "critical")),
        (r"I/O error, dev (?P<dev>\w+)", _of("io_error")),
        (r"EXT4-fs error \(device (?P<dev>[^)]{1,64})\)", _of("io_error", "ext4")),
        (r"XFS \((?P<dev>[^)]{1,64})\): .*(?:error|[Ss]hut)", _of("io_error", "xfs")),
        (r"\((?P<dev>[^)]{1,64})\): Remounting filesystem read-only", _of("io_error", "read-only")),
        (r"nvme (?P<dev>nvme\d+): .*(?:timeout|controller is down)", _of("io_error", "nvme")),
        (r"(?<![^\s\[])(?P<dev>[^\s\[]{1,64})\[\d{1,10}\]: segfault at", _of("segfault")),
        (rf"NVRM: (?:GPU (?P<dev>{_PCI}))?.*(?:fail|[Ee]rror|unsupported|not supported)", _of("other", "nvrm")),
    )
)
