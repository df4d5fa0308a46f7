"""Bursts of Xids and which Xid leads them. Pure.

One fault makes many lines: the GPU that died, the channels torn down after it, the peers that lost it. Xids of one node
with at most three minutes of silence between them are one burst, and its first hardware-class Xid is the one to
explain. 45, 43, 13 and 31 after it are followers; 154 sums up and test messages mean nothing, so neither ever leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gcm_sentinel.datasources.knowledge_tables import xid as facts_of

SILENCE_S = 180.0
SUMMARY_XID = 154


@dataclass(frozen=True, slots=True)
class XidAt:
    """One Xid with its place in time, as bursts see it."""

    at: float
    boot: int
    xid: int
    pci: str


@dataclass(frozen=True, slots=True)
class Burst:
    """Xids of one node that belong together."""

    number: int
    boot: int
    started: float
    ended: float
    lead: XidAt | None
    """None when only summaries and test messages are in it."""
    xids: tuple[int, ...]
    """Distinct numbers in order of appearance."""
    pcis: tuple[str, ...]


def find_bursts(seen: Sequence[XidAt]) -> tuple[Burst, ...]:
    """The bursts in a log's Xids, which come in the log's order; a reboot ends a burst."""
    groups: list[list[XidAt]] = []
    for one in seen:
        last = groups[-1][-1] if groups else None
        if last is None or last.boot != one.boot or one.at - last.at > SILENCE_S:
            groups.append([one])
        else:
            groups[-1].append(one)
    return tuple(_burst(number, group) for number, group in enumerate(groups, start=1))


def _burst(number: int, group: Sequence[XidAt]) -> Burst:
    return Burst(
        number=number,
        boot=group[0].boot,
        started=group[0].at,
        ended=max(one.at for one in group),
        lead=_lead(group),
        xids=tuple(dict.fromkeys(one.xid for one in group)),
        pcis=tuple(dict.fromkeys(one.pci for one in group)),
    )


def _lead(group: Sequence[XidAt]) -> XidAt | None:
    ranked = [(_rank(one.xid), place) for place, one in enumerate(group)]
    rank, place = min(ranked)
    return group[place] if rank < _NEVER else None


_NEVER = 9


def _rank(xid: int) -> int:
    """How strongly an Xid claims the lead; the lowest wins, the earlier one among equals."""
    facts = facts_of(xid)
    if xid == SUMMARY_XID or facts.kind == "test":
        return _NEVER
    if facts.is_hardware_class:
        return 0
    return {"unknown": 1, "application": 2}.get(facts.kind, 3)
