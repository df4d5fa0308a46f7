"""What kernel and service logs tell."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from gcm_sentinel.domain.summaries.cluster import LogPattern


class XidSummary(TypedDict):
    """All records of one Xid on one GPU in one boot."""

    xid: int
    name: str
    """Mnemonic from the knowledge base, ``unknown`` for one it does not know."""
    kind: str
    """application, driver, hardware, memory, nvlink, bus, thermal, follower, informational, test, unknown."""
    pci: str
    boot: int
    """0 is the present boot, -1 the one before."""
    count: int
    first_at: str
    last_at: str
    burst: int
    """Number of the burst its first record belongs to."""
    lead: bool
    """The first hardware-class record of its burst (followers such as 45 never lead when another Xid is there)."""
    pids: list[int]
    processes: list[str]
    places: list[str]
    """Distinct locations in the text: ``GPC 1 TPC 3``, ``link 9``, ``bank …``."""
    example: str
    """The first line, whole."""
    decoded: NotRequired[list[str]]
    """Xid 74: what each set bit of its register words says."""


class BurstSummary(TypedDict):
    """Records of one node with no more than three minutes of silence between them."""

    number: int
    boot: int
    started_at: str
    ended_at: str
    lead_xid: int | None
    lead_pci: str | None
    xids: list[int]
    pcis: list[str]


class BootSummary(TypedDict):
    """One boot found in the log."""

    number: int
    started_at: str | None
    ended_at: str | None
    clean: bool | None
    """Whether the log shows an orderly shutdown at its end; None when it cannot be told."""


class KernelRecord(TypedDict):
    """A recognised kernel line that is not an Xid, aggregated."""

    kind: str
    """aer_corrected, aer_uncorrectable, pcie_link_down, off_bus_banner, rm_init_failed, probe_failed,
    module_signature, gsp_rate_limit, recovery_action, sxid_fatal, sxid_nonfatal, mce, edac_ue, edac_ce, panic,
    soft_lockup, hung_task, nfs_not_responding, oom_kill, mlx5_power, mlx5_access_reg, mlx5_link_down, mlx5_cable,
    link_down, thermal, io_error, segfault, other"""
    device: str
    """PCI address, interface, process or server; empty when none."""
    code: str
    """SXid number, recovery action text, or empty."""
    boot: int
    count: int
    first_at: str
    last_at: str
    example: str


class KernelLogSummary(TypedDict):
    """`read_kernel_log`."""

    node: str
    transport: str
    """Where it came from: ``kubelet:kern.log``, ``loki``, ``node-agent``."""
    lines_total: int
    lines_matched: int
    covers_from: str | None
    covers_to: str | None
    boots: list[BootSummary]
    xids: list[XidSummary]
    bursts: list[BurstSummary]
    records: list[KernelRecord]
    recovery_action: str | None
    """The last action Xid 154 announced in the present boot."""
    overview: NotRequired[dict[str, str]]
    """The latest bursts and the other records in a line each, latest first."""
    xids_total: NotRequired[int]
    bursts_total: NotRequired[int]
    records_total: NotRequired[int]


class ServiceLogSummary(TypedDict):
    """`read_service_log`."""

    node: str
    unit: str
    lines_total: int
    patterns: list[LogPattern]
    tail: list[str]
    covers_from: str | None
    covers_to: str | None
