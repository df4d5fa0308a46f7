"""GPUs as rows. Counts of SMs are one column of bytes: 16 bytes per SM, little-endian, whatever machine wrote them.

Trails of failing SMs are another column, empty for almost every GPU.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import asdict, astuple, replace
from struct import Struct
from typing import Any

from sqlalchemy import Connection, text

from sentinel_gateway.domain.belief import Tally
from sentinel_gateway.domain.bursts import Burst, Trail, Trails
from sentinel_gateway.domain.deep_tests import DeepTest
from sentinel_gateway.domain.gpus import Denial, GpuState, Summary, Unsummarised, unsummarised
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.rates import Minute
from sentinel_gateway.domain.signs import Sign, SignKind
from sentinel_gateway.domain.sms import SmTable
from sentinel_gateway.storage.statements import replacing
from sentinel_gateway.storage.values import packed, unpacked

_COLUMNS = (
    *("gpu_id", "uuid", "hostname", "device_index", "model", "driver_version", "firmware_version", "first_seen_ns"),
    *(
        "state",
        "state_revision",
        "state_changed_ns",
        "state_reason",
        "overstayed",
        "passes",
        "failures",
        "errors",
        "timeouts",
    ),
    *("anomalies", "dissents", "base_tally", "last_probe_ns", "last_anomaly_ns", "sampled_ns", "summary", "minutes"),
    *("sms", "trails", "signs", "deep_test", "proposed_ns", "cleared_ns", "returned_ns", "passed"),
    *("taken_out_by", "taken_out_of", "denied"),
)
SAVE = replacing("gpus", _COLUMNS, ("gpu_id",))
"""Stores one `gpu_row`."""
_ALL = text(f"SELECT {', '.join(_COLUMNS)} FROM gpus ORDER BY gpu_id")  # noqa: S608  our own words
_SUMMARIES = text("SELECT uuid, summary FROM gpus")
_HEAD = Struct("<III")
_TRAIL = Struct("<iI")
_BURST = Struct("<QIQQ")
_PASSED = Struct("<BQ")


def gpu_row(known: GpuState) -> dict[str, Any]:
    """One GPU."""
    gpu, seen = known.gpu, known.seen
    return {
        "gpu_id": known.gpu_id,
        "uuid": gpu.uuid,
        "hostname": gpu.hostname,
        "device_index": gpu.device_index,
        "model": gpu.model,
        "driver_version": gpu.driver_version,
        "firmware_version": gpu.firmware_version,
        "first_seen_ns": known.first_seen_ns,
        "state": int(known.state),
        "state_revision": known.revision,
        "state_changed_ns": known.state_changed_ns,
        "state_reason": known.state_reason,
        "overstayed": int(known.overstayed),
        "passes": seen.passes,
        "failures": seen.failures,
        "errors": seen.errors,
        "timeouts": seen.timeouts,
        "anomalies": seen.anomalies,
        "dissents": seen.dissents,
        "base_tally": _tally_text(known.base),
        "last_probe_ns": known.last_probe_ns,
        "last_anomaly_ns": known.last_anomaly_ns,
        "sampled_ns": known.sampled_ns,
        "summary": _summary_text(known.summary),
        "minutes": packed(known.minutes) if known.minutes else "[]",
        "sms": sms_bytes(known.sms),
        "trails": trails_bytes(known.sms.trails) if known.sms.trails else None,
        "signs": packed([astuple(sign) for sign in known.signs]) if known.signs else "[]",
        "deep_test": _deep_test_text(known.deep_test) if known.deep_test else None,
        "proposed_ns": known.proposed_ns,
        "cleared_ns": known.sms.cleared_ns,
        "returned_ns": known.returned_ns,
        "passed": b"".join(_PASSED.pack(*one) for one in known.passed.items()),
        "taken_out_by": known.taken_out_by,
        "taken_out_of": int(known.taken_out_of),
        "denied": packed(astuple(known.denied)) if known.denied else None,
    }


def load_gpus(connection: Connection) -> tuple[GpuState, ...]:
    """All GPUs, in order of their numbers."""
    return tuple(_gpu_of(dict(row)) for row in connection.execute(_ALL).mappings())


def unsummarised_results(connection: Connection) -> Unsummarised:
    """Results that no entry of the ledger tells of yet."""
    return unsummarised((row.uuid, _summary_of(row.summary)) for row in connection.execute(_SUMMARIES))


def _gpu_of(row: dict[str, Any]) -> GpuState:
    return GpuState(
        gpu_id=row["gpu_id"],
        gpu=Gpu(
            row["uuid"],
            row["hostname"],
            row["device_index"],
            row["model"],
            row["driver_version"],
            row["firmware_version"],
        ),
        first_seen_ns=row["first_seen_ns"],
        state=HealthState(row["state"]),
        revision=row["state_revision"],
        state_changed_ns=row["state_changed_ns"],
        state_reason=row["state_reason"],
        overstayed=bool(row["overstayed"]),
        seen=Tally(row["passes"], row["failures"], row["errors"], row["timeouts"], row["anomalies"], row["dissents"]),
        base=Tally(*unpacked(row["base_tally"])),
        last_probe_ns=row["last_probe_ns"],
        last_anomaly_ns=row["last_anomaly_ns"],
        sampled_ns=row["sampled_ns"],
        summary=_summary_of(row["summary"]),
        minutes=tuple(Minute(*minute) for minute in unpacked(row["minutes"])),
        sms=replace(
            sms_of(row["sms"]),
            trails=trails_of(row["trails"]) if row["trails"] else {},
            cleared_ns=row["cleared_ns"],
        ),
        signs=tuple(Sign(time_ns, SignKind(kind), *texts) for time_ns, kind, *texts in unpacked(row["signs"])),
        deep_test=_deep_test_of(row["deep_test"]) if row["deep_test"] else None,
        proposed_ns=row["proposed_ns"],
        returned_ns=row["returned_ns"],
        passed=dict(_PASSED.iter_unpack(row["passed"] or b"")),
        taken_out_by=row["taken_out_by"],
        taken_out_of=HealthState(row["taken_out_of"]),
        denied=Denial(*unpacked(row["denied"])) if row["denied"] else None,
    )


def _tally_text(tally: Tally) -> str:
    return packed((tally.passes, tally.failures, tally.errors, tally.timeouts, tally.anomalies, tally.dissents))


def _summary_text(summary: Summary) -> str:
    return packed([summary.start_ns, [[*kind, count] for kind, count in summary.counts.items()]])


def _summary_of(stored: str) -> Summary:
    start_ns, counts = unpacked(stored)
    return Summary(start_ns, {(kind, result): count for kind, result, count in counts})


def _deep_test_text(test: DeepTest) -> str:
    return packed({**asdict(test), "passes": test.passes.tolist()})


def _deep_test_of(stored: str) -> DeepTest:
    values = unpacked(stored)
    if (count := values.pop("sm_count", None)) is not None:
        values["sms"] = range(count)  # stored by an earlier version
    failed = tuple((kind, time_ns) for kind, time_ns in values.get("failed", ()))
    return DeepTest(**{**values, "sms": tuple(values["sms"]), "passes": array("Q", values["passes"]), "failed": failed})


def trails_bytes(trails: Trails) -> bytes:
    """Each trail: its SM and how many bursts follow, the bursts."""
    parts = []
    for sm_id, trail in trails.items():
        parts.append(_TRAIL.pack(sm_id, len(trail)))
        parts += [_BURST.pack(*burst) for burst in trail]
    return b"".join(parts)


def trails_of(stored: bytes) -> Trails:
    """The trails in some bytes."""
    trails: dict[int, Trail] = {}
    place = 0
    while place < len(stored):
        sm_id, size = _TRAIL.unpack_from(stored, place)
        first = place + _TRAIL.size
        place = first + size * _BURST.size
        trails[sm_id] = tuple(Burst(*_BURST.unpack_from(stored, at)) for at in range(first, place, _BURST.size))
    return trails


def sms_bytes(table: SmTable) -> bytes:
    """The counts of a table: numbers that say how much follows (the last is not used any more), the arrays."""
    parts = [_HEAD.pack(len(table.passes), len(table.base_passes), 0)]
    parts += [_little(counts) for counts in (table.passes, table.failures, table.base_passes, table.base_failures)]
    return b"".join(parts)


def sms_of(stored: bytes) -> SmTable:
    """A table with the counts in some bytes, and without trails."""
    sms, based, _ = _HEAD.unpack_from(stored)
    reader = _Reader(stored, _HEAD.size)
    passes, failures = reader.counts(sms), reader.counts(sms)
    base_passes, base_failures = reader.counts(based), reader.counts(based)
    return SmTable(passes, failures, base_passes, base_failures)


class _Reader:
    """A place in some bytes."""

    def __init__(self, stored: bytes, place: int) -> None:
        self._stored, self._place = stored, place

    def counts(self, size: int) -> array[int]:
        end = self._place + 8 * size
        counts = array("Q", self._stored[self._place : end])
        if sys.byteorder == "big":
            counts.byteswap()
        self._place = end
        return counts


def _little(counts: array[int]) -> bytes:
    if sys.byteorder == "big":
        counts = array("Q", counts)
        counts.byteswap()
    return counts.tobytes()
