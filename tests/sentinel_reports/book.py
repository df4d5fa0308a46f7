"""A small ledger written by hand: entries with true hashes, times in hours of one day, GPUs named by a letter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from google.protobuf.timestamp_pb2 import Timestamp

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import anomaly_pb2, common_pb2, config_pb2, probe_pb2, quarantine_pb2, trust_pb2
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.ledger.reports.window import NS_PER_HOUR, NS_PER_S, Window, parse_ns
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.entry import GENESIS_HASH, Entry, EntryGpu

DAY_NS = parse_ns("2026-11-02")
PASS, FAIL, ERROR, TIMEOUT = 1, 2, 3, 4
HEALTHY, SUSPECT, QUARANTINED, DEEP_TEST, CONDEMNED = (int(state) for state in HealthState)
DAY = Window(DAY_NS, DAY_NS + 24 * NS_PER_HOUR)


def at(hour: float) -> int:
    """An hour of the day, which may lie before or after it."""
    return DAY_NS + round(hour * NS_PER_HOUR)


def gpu(letter: str) -> EntryGpu:
    return EntryGpu(f"GPU-{letter}", f"node-{letter}", 0, "H100", "580.1", "96.00")


def stamp(hour: float) -> Timestamp:
    return Timestamp(seconds=at(hour) // NS_PER_S, nanos=at(hour) % NS_PER_S)


@dataclass
class Book:
    """Entries in the order they were written."""

    entries: list[Entry] = field(default_factory=list)
    next_id: int = 1
    previous_hash: bytes = GENESIS_HASH

    def add(self, entry_type: int, hour: float, data: bytes, letter: str | EntryGpu | None = None) -> int:
        about = gpu(letter) if isinstance(letter, str) else letter
        bare = Entry(self.next_id, entry_type, at(hour), data, about, self.previous_hash, b"")
        entry = replace(bare, entry_hash=entry_hash(bare))
        self.entries.append(entry)
        self.next_id += 1
        self.previous_hash = entry.entry_hash
        return entry.entry_id

    def probe(self, letter: str, hour: float, result: int = FAIL, probe_type: int = 1) -> int:
        probe = probe_pb2.ProbeExecution(
            probe_type=probe_pb2.ProbeType.ValueType(probe_type), result=probe_pb2.ProbeResult.ValueType(result)
        )
        return self.add(1, hour, probe.SerializeToString(), letter)

    def summary(self, letter: str, hours: tuple[float, float], passes: int, probe_type: int = 1) -> int:
        summary = records_pb2.ProbeSummary(start_time=stamp(hours[0]), end_time=stamp(hours[1]))
        summary.counts.add(probe_type=probe_pb2.ProbeType.ValueType(probe_type), result=PASS, count=passes)
        record = records_pb2.SystemRecord(event="probes.summary", probe_summary=summary)
        return self.add(6, hours[1], record.SerializeToString(), letter)

    def anomaly(self, letter: str | None, hour: float, anomaly_type: int = 5) -> int:
        event = anomaly_pb2.AnomalyEvent(
            anomaly_type=anomaly_pb2.AnomalyType.ValueType(anomaly_type),
            source=anomaly_pb2.ANOMALY_SOURCE_TRAINING_MONITOR,
            severity=common_pb2.HIGH,
        )
        return self.add(2, hour, event.SerializeToString(), letter)

    def change(
        self, letter: str, hour: float, states: tuple[int, int], event: str = "state.changed", **directive: object
    ) -> int:
        told, by = directive.pop("fields", {}), str(directive.pop("by", ""))
        change = records_pb2.StateChange(initiated_by=by, from_state=states[0], to_state=states[1], reason="because")  # type: ignore[arg-type]
        if directive:
            change.directive.CopyFrom(quarantine_pb2.QuarantineDirective(**directive))  # type: ignore[arg-type]
        record = records_pb2.SystemRecord(event=event, fields=told, state_change=change)  # type: ignore[arg-type]
        return self.add(3, hour, record.SerializeToString(), letter)

    def config(self, hour: float, initiated_by: str = "operator:jane", reason: str = "less noise") -> int:
        update = config_pb2.ConfigUpdate(
            initiated_by=initiated_by, reason=reason, overhead_budget=config_pb2.OverheadBudgetUpdate(budget_pct=2)
        )
        return self.add(4, hour, update.SerializeToString())

    def vote(self, hour: float, prints: dict[str, bytes]) -> int:
        result = trust_pb2.TmrResult(canary_id="c")
        for letter, fingerprint in prints.items():
            about = common_pb2.GpuIdentifier(uuid=f"GPU-{letter}")
            result.results.add(gpu=about, output_fingerprint=fingerprint, success=bool(fingerprint))
        return self.add(5, hour, result.SerializeToString())

    def event(self, hour: float, event: str, **fields: str) -> int:
        record = records_pb2.SystemRecord(event=event, fields=fields)
        return self.add(6, hour, record.SerializeToString())

    def tick(self, hour: float) -> int:
        """Anything that shows the ledger was alive at that time."""
        return self.event(hour, "gateway.alive")
