"""What was watched, and what it showed: probes, anomalies and TMR votes inside the window.

Counting probes needs a rule, because a pass may stand in the ledger twice (in its hourly summary and, where the gateway
records passes in full, in an entry of its own): FAIL, ERROR and TIMEOUT are counted from their own entries, PASS from
the summaries whose end lies in the window, or from own entries where those are more. TMR votes are counted again from
the three fingerprints; what the entry says about consensus is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import anomaly_pb2, probe_pb2, trust_pb2
from sentinel_gateway.ledger.reports.counted import Counted, Row
from sentinel_gateway.ledger.reports.wire_names import (
    ANOMALY_SOURCES,
    ANOMALY_TYPES,
    PROBE_RESULTS,
    PROBE_TYPES,
    SEVERITIES,
)

VOTERS = 3


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Counts with the entries behind them."""

    executions: tuple[Row, ...]
    """`TYPE RESULT` of executions with an entry of their own."""
    summarised: tuple[Row, ...]
    """`TYPE RESULT` as the summaries count them."""
    anomalies: tuple[Row, ...]
    anomaly_sources: tuple[Row, ...]
    anomaly_severities: tuple[Row, ...]
    tmr: tuple[Row, ...]
    """Outcomes."""

    def probes(self, probe_type: str, result: str) -> int:
        """How many probes of a type ended so, by the rule above."""
        own, summed = self.probe_parts(probe_type, result)
        return max(own, summed) if result == "PASS" else own

    def probe_parts(self, probe_type: str, result: str) -> tuple[int, int]:
        """From own entries, and from summaries."""
        label = f"{probe_type} {result}"
        own = next((count for known, count, _ in self.executions if known == label), 0)
        return own, next((count for known, count, _ in self.summarised if known == label), 0)

    def with_result(self, result: str) -> int:
        """How many probes of all types ended so."""
        types = {row[0].rpartition(" ")[0] for row in self.executions + self.summarised}
        return sum(self.probes(probe_type, result) for probe_type in types)


class MonitoringTally:
    """Takes the entries inside the window."""

    def __init__(self) -> None:
        self._executions = Counted()
        self._summarised = Counted()
        self._anomalies = Counted()
        self._sources = Counted()
        self._severities = Counted()
        self._tmr = Counted()

    def execution(self, entry_id: int, probe: probe_pb2.ProbeExecution) -> None:
        """One probe."""
        self._executions.add(f"{PROBE_TYPES[probe.probe_type]} {PROBE_RESULTS[probe.result]}", entry_id)

    def summary(self, entry_id: int, summary: records_pb2.ProbeSummary) -> None:
        """Many probes of one GPU."""
        for part in summary.counts:
            label = f"{PROBE_TYPES[part.probe_type]} {PROBE_RESULTS[part.result]}"
            self._summarised.add(label, entry_id, part.count)

    def anomaly(self, entry_id: int, event: anomaly_pb2.AnomalyEvent) -> None:
        """One anomaly."""
        self._anomalies.add(ANOMALY_TYPES[event.anomaly_type], entry_id)
        self._sources.add(ANOMALY_SOURCES[event.source], entry_id)
        self._severities.add(SEVERITIES[event.severity], entry_id)

    def vote(self, entry_id: int, outcome: str) -> None:
        """One TMR canary."""
        self._tmr.add(outcome, entry_id)

    def finished(self) -> Monitoring:
        """What was counted."""
        return Monitoring(
            self._executions.rows(),
            self._summarised.rows(),
            self._anomalies.rows(),
            self._sources.rows(),
            self._severities.rows(),
            self._tmr.rows(),
        )


def outcome_of(result: trust_pb2.TmrResult) -> tuple[str, str]:
    """How the three voted, and the UUID of the one that dissents; empty where nobody can be blamed."""
    voters = [one for one in result.results if one.success and one.output_fingerprint]
    if len(voters) != VOTERS:
        return "INSUFFICIENT", ""
    prints = [one.output_fingerprint for one in voters]
    alone = [one for one in voters if prints.count(one.output_fingerprint) == 1]
    if not alone:
        return "UNANIMOUS", ""
    return ("DISSENT", alone[0].gpu.uuid) if len(alone) == 1 else ("NO_CONSENSUS", "")
