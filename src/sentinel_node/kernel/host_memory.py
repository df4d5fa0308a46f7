"""The host's memory: how much is left, huge pages, and what its controllers count of errors (EDAC)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sentinel_node.domain.machine import HostMemory
from sentinel_node.kernel.files import names, number, text

_BYTES_PER_KIB = 1024


def read_memory(root: Path) -> HostMemory:
    """The host's memory now; None for what is not told."""
    lines = (line.partition(":") for line in text(root / "proc/meminfo").splitlines())
    told = {name: value.split()[0] for name, _, value in lines if value.split()}
    controllers = root / "sys/devices/system/edac/mc"
    found = [controllers / name for name in names(controllers) if name.startswith("mc")]
    return HostMemory(
        total_bytes=_kib(told.get("MemTotal")),
        available_bytes=_kib(told.get("MemAvailable")),
        huge_pages=_count(told.get("HugePages_Total")),
        free_huge_pages=_count(told.get("HugePages_Free")),
        huge_page_bytes=_kib(told.get("Hugepagesize")),
        corrected_errors=_sum(number(folder / "ce_count") for folder in found),
        uncorrected_errors=_sum(number(folder / "ue_count") for folder in found),
    )


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() else None


def _kib(value: str | None) -> int | None:
    count = _count(value)
    return None if count is None else count * _BYTES_PER_KIB


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
