"""Signs that are no exact probes: anomalies that monitors report, and TMR rounds in which a GPU stood alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.tmr import PARTICIPANTS, TmrVerdict

MAX_SIGNS = 32
"""Remembered of each kind for one GPU; the oldest are forgotten first."""


class SignKind(IntEnum):
    """What was seen."""

    ANOMALY = 1
    DISSENT = 2


@dataclass(frozen=True, slots=True, order=True)
class Sign:
    """One of them."""

    time_ns: int
    kind: SignKind
    event_id: str
    about: str
    """The type of an anomaly; the two partners of a dissent in order of their UUIDs, with a comma between them."""
    hosts: str = ""
    """Of the partners of a dissent, with a comma between them; empty where none is known."""
    told_by: str = ""
    """Who reported a dissent; empty where that is the GPU's own host, whose word about its own is taken anyway."""

    @property
    def rests_on(self) -> frozenset[str]:
        """Whose word a dissent is: its partners, their hosts, and who reported it."""
        told = {self.told_by} if self.told_by else set[str]()
        return frozenset({*self.about.split(","), *self.hosts.split(","), *told})


Signs: TypeAlias = tuple[Sign, ...]
"""In order of time."""


def dissent(verdict: TmrVerdict, three: Sequence[Gpu], time_ns: int, reporter: str) -> Sign | None:
    """What a vote says against the GPU that stood alone; None where none did, or where the three are not alike.

    GPUs of other models or drivers may rightly compute other bits. `three` are described as they were known before:
    what a report says about them is its reporter's, and an empty model or driver is like no other.
    """
    alone = verdict.dissenting_gpu
    if alone is None or len(three) != PARTICIPANTS or not _are_alike(three):
        return None
    partners = sorted(one.uuid for one in three if one.uuid != alone.uuid)
    hosts = sorted({one.hostname for one in three if one.uuid != alone.uuid})
    is_own = reporter in {one.hostname for one in three if one.uuid == alone.uuid}
    told_by = "" if is_own else reporter
    return Sign(time_ns, SignKind.DISSENT, verdict.canary_id, ",".join(partners), ",".join(hosts), told_by)


def _are_alike(gpus: Sequence[Gpu]) -> bool:
    kinds = {(one.model, one.driver_version) for one in gpus}
    return len(kinds) == 1 and all(kinds.pop())


def with_signs(known: Signs, more: Iterable[Sign]) -> Signs:
    """The signs after more; each kind keeps its latest."""
    everything = sorted({*known, *more})
    kept = [sign for kind in SignKind for sign in [one for one in everything if one.kind is kind][-MAX_SIGNS:]]
    return tuple(sorted(kept))
