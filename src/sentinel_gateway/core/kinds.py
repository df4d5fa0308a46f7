"""The fleet by what its GPUs have in common: counted once, and anew only where a GPU was added or described anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.model.guards import Census, census


@dataclass(frozen=True, slots=True)
class Kinds:
    """See the module."""

    census: Census
    hosts: Mapping[str, tuple[str, ...]]
    """UUIDs by host."""


def kinds_of(gpus: Iterable[Gpu]) -> Kinds:
    """Count them."""
    listed = list(gpus)
    hosts: defaultdict[str, list[str]] = defaultdict(list)
    for gpu in listed:
        hosts[gpu.hostname].append(gpu.uuid)
    return Kinds(census(listed), {host: tuple(uuids) for host, uuids in hosts.items()})
