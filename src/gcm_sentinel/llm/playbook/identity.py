"""Which GPUs there are: index, UUID and PCI address joined from metric labels and kernel records.

The kernel names a GPU by PCI address, metrics by index, UUID and address, a condition's message by index at best. A GPU
that is gone has no live series, so its identity comes from the series that ended, or, when exactly one index and
exactly one address are left over, from elimination.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gcm_sentinel.domain.entity import Entity, gpu, normal_pci
from gcm_sentinel.domain.summaries import GpuIdentity

_MINOR = re.compile(r"GPU (\S+): rm_init_adapter failed, device minor number (\d+)")


@dataclass(frozen=True, slots=True)
class GpuRef:
    """One GPU of the investigated node by whatever is known of it."""

    node: str
    index: int | None = None
    uuid: str | None = None
    pci: str | None = None
    """Normalised: ``0000:17:00``."""
    serial: str | None = None

    @property
    def entity(self) -> Entity:
        """As an entity of the domain."""
        return gpu(self.node, index=self.index, uuid=self.uuid, pci=self.pci, serial=self.serial)

    @property
    def label(self) -> str:
        """For people: ``GPU 3 (0000:17:00)``."""
        if self.index is None:
            return f"the GPU at {self.pci}" if self.pci else "a GPU"
        return f"GPU {self.index} ({self.pci})" if self.pci else f"GPU {self.index}"

    def at(self, pci: str) -> bool:
        """Whether `pci` is this GPU's address, in any spelling."""
        return self.pci is not None and looks_like_pci(pci) and normal_pci(pci) == self.pci


def looks_like_pci(text: str) -> bool:
    """Whether `text` can be a PCI address."""
    return text.count(":") in (1, 2) and " " not in text


def from_labels(node: str, identities: Iterable[GpuIdentity]) -> tuple[GpuRef, ...]:
    """The GPUs that metric labels name."""
    return tuple(
        GpuRef(
            node,
            item["index"],
            item.get("uuid"),
            normal_pci(item["pci"] or "") if item.get("pci") else None,
            item.get("serial"),
        )
        for item in identities
    )


def join(known: tuple[GpuRef, ...], addresses: Iterable[str], raw_log: str, count: int | None) -> tuple[GpuRef, ...]:
    """`known` GPUs and those only the kernel names by address, each with all that can be told about it."""
    minors = {normal_pci(pci): int(minor) for pci, minor in _MINOR.findall(raw_log)}
    strangers = dict.fromkeys(normal_pci(item) for item in addresses if looks_like_pci(item))
    new = [pci for pci in strangers if not any(ref.pci == pci for ref in known)]
    node = known[0].node if known else ""
    taken = {ref.index for ref in known}
    left = [index for index in range(count or 0) if index not in taken]
    joined = list(known)
    for pci in new:
        index = minors.get(pci)
        if index is None and len(new) == 1 and len(left) == 1:
            index = left[0]
        joined = _with(joined, GpuRef(node, index if index not in taken else None, None, pci))
    return tuple(joined)


def _with(known: list[GpuRef], stranger: GpuRef) -> list[GpuRef]:
    for place, ref in enumerate(known):
        if ref.pci is None and ref.index is not None and ref.index == stranger.index:
            return [*known[:place], replace(ref, pci=stranger.pci), *known[place + 1 :]]
    return [*known, stranger]
