"""The typed summaries of kernel and service logs, from what was read. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

from gcm_sentinel.datasources.kernel_boots import Boot
from gcm_sentinel.datasources.kernel_records import KernelLog, Tally
from gcm_sentinel.datasources.knowledge_tables import xid as facts_of
from gcm_sentinel.datasources.log_lines import LogLine
from gcm_sentinel.datasources.log_patterns import LogEntry, recognise
from gcm_sentinel.datasources.nvlink_words import decode_words
from gcm_sentinel.datasources.series_shape import iso
from gcm_sentinel.datasources.xid_bursts import Burst
from gcm_sentinel.domain.entity import Entity, EntityKind, gpu, normal_pci
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.summaries import (
    BootSummary,
    BurstSummary,
    KernelLogSummary,
    KernelRecord,
    ServiceLogSummary,
    XidSummary,
)

MAX_ROWS = 120
"""Xids and records shown each; the totals beside them tell how many there were."""
MAX_BURSTS = 60
MAX_BOOTS = 20
TAIL_LINES = 40
_TOLD = 10
"""Bursts and records told in the overview each."""
_GPU_RECORDS = frozenset({"off_bus_banner", "rm_init_failed", "gsp_rate_limit", "recovery_action"})


def kernel_summary(node: str, transport: str, log: KernelLog) -> KernelLogSummary:
    """Everything the log says, oldest first; the newest are kept where there are too many."""
    xids = sorted((_xid(key, tally, log.bursts) for key, tally in log.xids.items()), key=lambda row: row["first_at"])
    records = sorted((_record(key, tally) for key, tally in log.events.items()), key=lambda row: row["first_at"])
    summary = KernelLogSummary(
        node=node,
        transport=transport,
        lines_total=log.lines_total,
        lines_matched=log.matched,
        covers_from=iso(log.covers[0]) if log.covers else None,
        covers_to=iso(log.covers[1]) if log.covers else None,
        recovery_action=log.recovery_action,
        overview=_overview(log.bursts, records),
        boots=[_boot(boot) for boot in log.boots[-MAX_BOOTS:]],
        xids=xids[-MAX_ROWS:],
        bursts=[_burst(burst) for burst in log.bursts[-MAX_BURSTS:]],
        records=records[-MAX_ROWS:],
    )
    if len(xids) > MAX_ROWS:
        summary["xids_total"] = len(xids)
    if len(log.bursts) > MAX_BURSTS:
        summary["bursts_total"] = len(log.bursts)
    if len(records) > MAX_ROWS:
        summary["records_total"] = len(records)
    return summary


def _overview(bursts: Sequence[Burst], records: Sequence[KernelRecord]) -> dict[str, str]:
    """The latest bursts and records in a line each, latest first, for a reader with little room."""
    told = {f"burst {burst.number}, boot {burst.boot}": _in_a_line(burst) for burst in bursts[: -_TOLD - 1 : -1]}
    for row in sorted(records, key=lambda row: row["last_at"], reverse=True)[:_TOLD]:
        name = " ".join(filter(None, (row["kind"], row["device"], row["code"], f"boot {row['boot']}")))
        told[name] = f"{row['count']} from {row['first_at']} to {row['last_at']}"
    return told


def _in_a_line(burst: Burst) -> str:
    lead = f"Xid {burst.lead.xid} ({facts_of(burst.lead.xid).name}) on {burst.lead.pci}" if burst.lead else "nothing"
    others = [str(xid) for xid in burst.xids if burst.lead is None or xid != burst.lead.xid]
    words = f"{iso(burst.started)} to {iso(burst.ended)}: {lead} leads"
    words += f"; also Xid {', '.join(others)}" if others else ""
    return words + (f"; GPUs {', '.join(burst.pcis)}" if len(burst.pcis) > 1 else "")


def _xid(key: tuple[int, str, int], tally: Tally, bursts: Sequence[Burst]) -> XidSummary:
    boot, pci, number = key
    facts = facts_of(number)
    mine = [burst for burst in bursts if burst.boot == boot and number in burst.xids and pci in burst.pcis]
    summary = XidSummary(
        xid=number,
        name=facts.name,
        kind=facts.kind,
        pci=pci,
        boot=boot,
        count=tally.count,
        first_at=iso(tally.first),
        last_at=iso(tally.last),
        burst=next((burst.number for burst in mine if burst.started <= tally.first <= burst.ended), 0),
        lead=any(burst.lead and (burst.lead.xid, burst.lead.pci) == (number, pci) for burst in mine),
        pids=list(islice(tally.pids, 20)),
        processes=list(islice(tally.processes, 10)),
        places=list(islice(tally.places, 20)),
        example=tally.example,
    )
    decoded = dict.fromkeys(told for words in tally.words for told in decode_words(words))
    if decoded:
        summary["decoded"] = list(decoded)
    return summary


def _record(key: tuple[int, str, str, str], tally: Tally) -> KernelRecord:
    boot, kind, device, code = key
    return KernelRecord(
        kind=kind,
        device=device,
        code=code,
        boot=boot,
        count=tally.count,
        first_at=iso(tally.first),
        last_at=iso(tally.last),
        example=tally.example,
    )


def _burst(burst: Burst) -> BurstSummary:
    return BurstSummary(
        number=burst.number,
        boot=burst.boot,
        started_at=iso(burst.started),
        ended_at=iso(burst.ended),
        lead_xid=burst.lead.xid if burst.lead else None,
        lead_pci=burst.lead.pci if burst.lead else None,
        xids=list(burst.xids),
        pcis=list(burst.pcis),
    )


def _boot(boot: Boot) -> BootSummary:
    return BootSummary(
        number=boot.number,
        started_at=iso(boot.started) if boot.started is not None else None,
        ended_at=iso(boot.ended) if boot.ended is not None else None,
        clean=boot.clean,
    )


def gpu_addresses(log: KernelLog) -> list[str]:
    """PCI addresses the kernel itself names as GPUs."""
    found = {pci for _, pci, _ in log.xids}
    found |= {normal_pci(device) for _, kind, device, _ in log.events if kind in _GPU_RECORDS and device}
    return sorted(found)


def file_servers(log: KernelLog) -> tuple[Entity, ...]:
    """The NFS servers the kernel itself complains of, as services."""
    names = {device for _, kind, device, _ in log.events if kind == "nfs_not_responding" and device}
    return tuple(Entity(EntityKind.SERVICE, name) for name in sorted(names))


def entities(node: str, log: KernelLog) -> tuple[Entity, ...]:
    """The node and the GPUs a kernel log shows."""
    named = (gpu(node, pci=pci, uuid=log.uuids.get(pci), serial=log.serials.get(pci)) for pci in gpu_addresses(log))
    return (node_entity(node), *named)


def service_summary(node: str, unit: str, lines: Sequence[LogLine]) -> ServiceLogSummary:
    """A service's journal: what kinds of lines there are, and the last of them."""
    times = [line.at for line in lines if line.at is not None]
    return ServiceLogSummary(
        node=node,
        unit=unit,
        lines_total=len(lines),
        patterns=recognise(LogEntry(_moment(line.at), line.text) for line in lines),
        tail=[line.raw for line in lines[-TAIL_LINES:]],
        covers_from=iso(times[0]) if times else None,
        covers_to=iso(times[-1]) if times else None,
    )


def _moment(at: float | None) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at is not None else None
