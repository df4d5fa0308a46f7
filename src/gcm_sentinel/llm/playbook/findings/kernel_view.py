"""Reading the kernel log summary: which records of which GPU are near enough to matter. Used by the kernel findings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.entity import normal_pci
from gcm_sentinel.domain.summaries import KernelRecord, XidSummary
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations
from gcm_sentinel.llm.playbook.timeline import closeness

HARDWARE_KINDS = frozenset({"hardware", "memory", "nvlink", "bus", "thermal", "driver", "unknown"})
"""Kinds of Xid that are not an application's own doing, a follower or a test."""
FOLLOWERS = frozenset({43, 45, 154})
_OUTSHONE = 0.3
"""What is left of an earlier record's weight when another one stands nearer to the trigger."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One aggregated Xid record."""

    path: str
    data: XidSummary
    close: float
    """How near the trigger its last line stands, 0 to 1."""

    @property
    def hardware(self) -> bool:
        """Not an application's own doing, a follower or a test."""
        return self.data["kind"] in HARDWARE_KINDS and self.data["xid"] not in FOLLOWERS


@dataclass(frozen=True, slots=True)
class RecordHit:
    """One aggregated kernel record that is not an Xid."""

    path: str
    data: KernelRecord
    close: float


@lru_cache(maxsize=512)  # the playbook names about a hundred sets, each read for every GPU and in every turn
def codes(args: tuple[str, ...]) -> frozenset[int]:
    """``("13", "144-150")`` as numbers."""
    numbers: set[int] = set()
    for arg in args:
        first, _, last = arg.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def hits(obs: Observations, gpu: GpuRef | None, wanted: frozenset[int] | None = None) -> list[Hit]:
    """The Xid records of a GPU (of any GPU for None), in the order of the summary."""
    known: list[Hit] | None = obs.memo.get(("hits", gpu))
    if known is None:
        known = obs.memo["hits", gpu] = [hit for hit in _all_hits(obs) if _on(hit.data["pci"], gpu)]
    return [hit for hit in known if wanted is None or hit.data["xid"] in wanted]


def _all_hits(obs: Observations) -> list[Hit]:
    if obs.kernel is None:
        return []
    rows = [(item, closeness(obs, item["last_at"], boot=item["boot"])) for item in obs.kernel.data["xids"]]
    best = max((close for item, close in rows if item["xid"] not in FOLLOWERS), default=0.0)
    return [
        Hit(f"xids[{place}]", item, close if close >= best else close * _OUTSHONE)
        for place, (item, close) in enumerate(rows)
    ]


def near(obs: Observations, gpu: GpuRef | None, wanted: frozenset[int] | None = None) -> list[Hit]:
    """Those near enough to the trigger to explain it, nearest first."""
    found = [hit for hit in hits(obs, gpu, wanted) if hit.close > 0]
    return sorted(found, key=lambda hit: -hit.close)


def records(obs: Observations, gpu: GpuRef | None, kinds: tuple[str, ...]) -> list[RecordHit]:
    """Kernel records of these kinds near the trigger; with a GPU, those that name its address."""
    known: list[RecordHit] | None = obs.memo.get(("records", gpu))
    if known is None:
        known = obs.memo["records", gpu] = [hit for hit in _near_records(obs) if gpu is None or _names(hit.data, gpu)]
    return [hit for hit in known if hit.data["kind"] in kinds]


def _near_records(obs: Observations) -> list[RecordHit]:
    if obs.kernel is None:
        return []
    found = [
        RecordHit(f"records[{place}]", item, closeness(obs, item["last_at"], boot=item["boot"]))
        for place, item in enumerate(obs.kernel.data["records"])
    ]
    return [hit for hit in found if hit.close > 0]


def bursts_with(obs: Observations, gpu: GpuRef | None, wanted: frozenset[int]) -> list[str]:
    """Starting times of the bursts in which the GPU logged one of these Xids."""
    if obs.kernel is None:
        return []
    return [
        burst["started_at"]
        for burst in obs.kernel.data["bursts"]
        if wanted & set(burst["xids"]) and any(_on(pci, gpu) for pci in burst["pcis"])
    ]


def whose(obs: Observations, pci: str) -> GpuRef:
    """The GPU at an address of a kernel record."""
    return next((ref for ref in obs.gpus if ref.at(pci)), GpuRef(obs.node, pci=normal_pci(pci)))


def cite(obs: Observations, hit: Hit | RecordHit) -> Citation:
    """A citation of the record's first line, whole."""
    assert obs.kernel is not None  # noqa: S101 - a hit exists only where a kernel log was read
    return obs.kernel.words(hit.data["example"])


def words_of_74(text: str) -> tuple[int, ...]:
    """The register words of an NVLink error line, empty when there are none."""
    match = re.search(r"link \d+\s*\(((?:0x[0-9a-fA-F]+,?\s*)+)\)", text)
    return tuple(int(word, 16) for word in re.findall(r"0x[0-9a-fA-F]+", match[1])) if match else ()


def bits(word: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    return (number for number in range(word.bit_length()) if word >> number & 1)


def _on(pci: str, gpu: GpuRef | None) -> bool:
    return gpu is None or gpu.at(pci)


def _names(record: KernelRecord, gpu: GpuRef) -> bool:
    return gpu.at(record["device"]) or (gpu.pci is not None and gpu.pci in record["example"].lower())
