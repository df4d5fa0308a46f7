"""What the core did since it started; read by the metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Totals since start; they only grow, except `waiting_requests`."""

    executions: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Probe executions taken, by type and result."""
    busy_ns: Counter[int] = field(default_factory=Counter)
    """How long probe executions took together, by type."""
    inference_anomalies: int = 0
    """Anomalies taken from inference monitors."""
    votes: Counter[int] = field(default_factory=Counter)
    """TMR canaries counted, by outcome."""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Executions, events and reports refused, by kind of batch and reason."""
    batches: Counter[str] = field(default_factory=Counter)
    """Batches stored, by kind: ``probe``, ``anomaly``, ``telemetry``."""
    duplicates: Counter[str] = field(default_factory=Counter)
    """Batches seen before, by kind."""
    missing: Counter[str] = field(default_factory=Counter)
    """Sequence numbers that were skipped, by kind; some may have come later."""
    anomalies: Counter[int] = field(default_factory=Counter)
    """Anomalies taken, by type."""
    directives: Counter[str] = field(default_factory=Counter)
    """Directives by what became of them: ``executed``, ``waiting``, ``denied`` ..."""
    transitions: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Changes of state, from and to."""
    correlations: Counter[int] = field(default_factory=Counter)
    """Findings, by pattern."""
    rounds: int = 0
    """Transactions stored."""
    failed_rounds: int = 0
    """Transactions that could not be stored."""
    entries: int = 0
    """Ledger entries appended."""
    waiting_requests: int = 0
    """Requests that wait for the database now."""

    def add(self, more: Counters) -> None:
        """Add the totals by kind of a round."""
        self.executions.update(more.executions)
        self.busy_ns.update(more.busy_ns)
        self.inference_anomalies += more.inference_anomalies
        self.votes.update(more.votes)
        self.refused.update(more.refused)
        self.batches.update(more.batches)
        self.duplicates.update(more.duplicates)
        self.missing.update(more.missing)
        self.anomalies.update(more.anomalies)
        self.directives.update(more.directives)
        self.transitions.update(more.transitions)
        self.correlations.update(more.correlations)
