"""Findings over earlier incidents: did this fault come back, how often, did it move with the GPU or stay with the slot?

Arguments are the fault classes that count as the same fault. The part decides: a GPU is the same one by UUID or serial,
by its place only where neither is known. An incident that is still open is the same trouble going on and counts for
nothing; so does one that recovered by itself shortly before. In the catch-all classes the Xid must be the same too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.recurrence import same_slot
from gcm_sentinel.domain.summaries import HistorySummary, PartSummary, PastIncidentSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.kernel_view import FOLLOWERS, near
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, Seen, moment
from gcm_sentinel.llm.playbook.timeline import anchor

_PAST = "history"
_BY_XID = frozenset({str(FaultClass.TRANSIENT_XID), str(FaultClass.GPU_HARDWARE_OTHER)})
"""Classes that only say "some Xid": the same fault is the same Xid."""
_FLAP = timedelta(hours=1)
_REACH = timedelta(days=7)
"""How far back records must go before their silence is worth a word."""


@dataclass(frozen=True, slots=True)
class _Past:
    """One earlier incident and where it stands."""

    seen: Seen[HistorySummary]
    place: int
    data: PastIncidentSummary
    opened_at: datetime

    @property
    def parts(self) -> tuple[Entity, ...]:
        return tuple(_entity(part) for part in self.data["parts"])

    def cites(self) -> tuple[Citation, ...]:
        path = f"incidents[{self.place}]"
        figures = [self.seen.figure(f"{path}.fault_class"), self.seen.figure(f"{path}.opened_at")]
        figures += [self.seen.figure(f"{path}.taken[0]")] if self.data["taken"] else []
        return tuple(figures)


def _entity(part: PartSummary) -> Entity:
    return Entity(
        EntityKind(part["kind"]), part["name"], part["node"], part["index"], part["uuid"], part["pci"], part["serial"]
    )


def _closed(obs: Observations) -> list[_Past]:
    """Every earlier incident that is over, each once, newest first."""
    known: list[_Past] | None = obs.memo.get("closed")
    if known is None:
        known = obs.memo["closed"] = _all_closed(obs)
    return known


def _all_closed(obs: Observations) -> list[_Past]:
    found: dict[str, _Past] = {}
    for seen in obs.history:
        for place, item in enumerate(seen.data["incidents"]):
            opened = moment(item["opened_at"])
            if opened is not None and item["closed_at"] and not item["closed_as"].lower().startswith("merged"):
                found.setdefault(item["id"], _Past(seen, place, item, opened))
    return sorted(found.values(), key=lambda past: past.opened_at, reverse=True)


def _same_fault(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> list[_Past]:
    """Earlier incidents with one of these classes, on whatever part."""
    now = {hit.data["xid"] for hit in near(obs, gpu)} - FOLLOWERS
    return [
        past
        for past in _closed(obs)
        if past.data["fault_class"] in args
        and (past.data["fault_class"] not in _BY_XID or not now or bool(now & set(past.data["xids"])))
    ]


def _on(past: _Past, gpu: GpuRef | None, node: str) -> bool:
    """Whether it blamed this GPU; without a GPU in question, whether it was this node's and no single GPU's."""
    if gpu is not None:
        return any(part.same_as(gpu.entity) for part in past.parts)
    return past.data["node"] == node and not any(part.kind is EntityKind.GPU for part in past.parts)


def _asked_about(obs: Observations, gpu: GpuRef | None) -> bool:
    """Whether the records were asked about this node, and about this GPU wherever it was."""
    of_node = any(seen.data["node"] in (obs.node, None) for seen in obs.history)
    if gpu is None or not gpu.uuid:
        return of_node
    return of_node and any({gpu.uuid, gpu.serial} & set(seen.data["gpu"]) for seen in obs.history)


def _kept(obs: Observations) -> bool:
    return any(seen.data["kept_since"] for seen in obs.history)


def _mended(obs: Observations, past: _Past) -> bool:
    """Whether a repair or a lasting recovery lies between it and now."""
    closed = moment(past.data["closed_at"])
    lasting = closed is not None and anchor(obs) - closed >= _FLAP
    return past.data["mended"] and (lasting or bool(past.data["taken"]))


def _what(gpu: GpuRef | None, obs: Observations) -> str:
    return gpu.label if gpu else obs.node


def _how(past: _Past) -> str:
    done = ", ".join(taken.partition(" ")[0] for taken in past.data["taken"])
    return f"{done} was done" if done else "it recovered"


def _undecided(obs: Observations, gpu: GpuRef | None) -> bool:
    return not _asked_about(obs, gpu) or not _kept(obs)


@predicate(_PAST)
def came_back(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The same fault was on this very part before, it was repaired or recovered, and it is back."""
    found = [past for past in _same_fault(obs, gpu, args) if _on(past, gpu, obs.node) and _mended(obs, past)]
    if not found:
        return UNKNOWN if _undecided(obs, gpu) else no()
    last = found[0]
    detail = (
        f"{_what(gpu, obs)} had {last.data['fault_class']} on {last.data['opened_at']}, {_how(last)}, and it is back"
    )
    return yes(detail, *last.cites())


@predicate(_PAST)
def happened(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The same fault was on this very part at least so often before: ``happened(2,gsp_hang)`` makes this the third."""
    floor = int(args[0])
    found = [past for past in _same_fault(obs, gpu, args[1:]) if _on(past, gpu, obs.node)]
    if len(found) < floor:
        return UNKNOWN if _undecided(obs, gpu) else no()
    days = (anchor(obs) - found[-1].opened_at).total_seconds() / 86400
    times = "once" if len(found) == 1 else f"{len(found)} times"
    last = found[0].data["opened_at"]
    detail = f"{_what(gpu, obs)} had the same fault {times} before within {days:.0f} days, last on {last}"
    return yes(detail, *(cite for past in found[:2] for cite in past.cites()[:2]))


@predicate(_PAST)
def first_time(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """No such fault of this part is on record, though the records reach back at least a week."""
    if not _asked_about(obs, gpu):
        return UNKNOWN
    if any(_on(past, gpu, obs.node) for past in _same_fault(obs, gpu, args)):
        return no()
    for seen in obs.history:
        kept = moment(seen.data["kept_since"])
        begin = max(kept, moment(seen.data["since"]) or kept) if kept else None
        if begin is not None and obs.now - begin >= _REACH:
            detail = f"no earlier incident of this kind on {_what(gpu, obs)} is on record since {begin.isoformat()}"
            return yes(detail, seen.whole(), absence=True)
    return UNKNOWN


@predicate(_PAST)
def moved_with_gpu(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The same GPU had the same fault on another node: the fault goes where the GPU goes."""
    found = [
        (past, part)
        for past in _same_fault(obs, gpu, args)
        for part in past.parts
        if gpu is not None and part.node not in (None, obs.node) and part.same_as(gpu.entity)
    ]
    if not found:
        return UNKNOWN if _undecided(obs, gpu) else no()
    past, part = found[0]
    detail = (
        f"the same GPU had {past.data['fault_class']} on {part.node} on {past.data['opened_at']}: it went with the GPU"
    )
    return yes(detail, *past.cites(), past.seen.figure(f"incidents[{past.place}].node"))


@predicate(_PAST)
def stayed_with_slot(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Another GPU had the same fault at the same place of this node: the fault stays while GPUs change."""
    found = [
        past
        for past in _same_fault(obs, gpu, args)
        for part in past.parts
        if gpu is not None and same_slot(part, gpu.entity) and _another(part, gpu)
    ]
    if not found:
        return UNKNOWN if _undecided(obs, gpu) else no()
    past = found[0]
    detail = f"another GPU had {past.data['fault_class']} at the place of {_what(gpu, obs)} on {past.data['opened_at']}"
    return yes(detail, *past.cites())


def _another(part: Entity, gpu: GpuRef) -> bool:
    """Whether `part` is known to be another GPU; a place alone cannot tell."""
    known = (part.uuid and gpu.uuid) or (part.serial and gpu.serial)
    return bool(known) and not part.same_as(gpu.entity)


@predicate(_PAST)
def on_other_gpu(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The same fault was on this node before, but on another of its GPUs: no recurrence of this one."""
    if gpu is None or _undecided(obs, gpu):
        return UNKNOWN
    same = _same_fault(obs, gpu, args)
    if any(_on(past, gpu, obs.node) for past in same):
        return no()
    for past in same:
        others = [part for part in past.parts if part.kind is EntityKind.GPU and part.node == obs.node]
        if others and not any(same_slot(part, gpu.entity) for part in others):
            when = past.data["opened_at"]
            detail = f"the {past.data['fault_class']} of {when} was on another GPU of the node, not on {gpu.label}"
            return yes(detail, *past.cites())
    return no()
