"""The fleet by what its GPUs have in common: GPUs that were probed within a day.

Counted once, and anew where a GPU was added, came back or was described anew, and every ten minutes for those that
went.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.model.guards import Census, census

_COUNTED_AGAIN_NS = 600 * 10**9


@dataclass(frozen=True, slots=True)
class Kinds:
    """See the module."""

    census: Census
    hosts: Mapping[str, tuple[str, ...]]
    """UUIDs by host."""
    counted_ns: int = 0

    def is_stale(self, now_ns: int) -> bool:
        """Whether GPUs may have gone since."""
        return now_ns - self.counted_ns >= _COUNTED_AGAIN_NS


def kinds_of(gpus: Iterable[GpuState], now_ns: int) -> Kinds:
    """Count them; GPUs that are gone make no cohort larger, unless none is probed at all."""
    known = list(gpus)
    listed = [one.gpu for one in known if one.is_probed(now_ns)] or [one.gpu for one in known]
    hosts: defaultdict[str, list[str]] = defaultdict(list)
    for gpu in listed:
        hosts[gpu.hostname].append(gpu.uuid)
    return Kinds(census(listed), {host: tuple(uuids) for host, uuids in hosts.items()}, now_ns)
