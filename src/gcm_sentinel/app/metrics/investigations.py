"""Investigations: how many, how they ended, how long they took, their steps and tool calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gcm_sentinel.app.metrics.labels import OTHER, BoundedNames, replace_all
from gcm_sentinel.domain.assessment import Assessment, Outcome, Severity

_INVESTIGATION_BUCKETS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0)
_CALL_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_MOST_TOOLS = 100


class InvestigationMetrics:
    """Counts the work of the loop and the queue it is taken from."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tool_name = BoundedNames(_MOST_TOOLS)
        self._ended = Counter(
            "gcm_sentinel_investigations_total",
            "Investigations that ended.",
            ("engine", "outcome", "severity"),
            registry=registry,
        )
        self._duration = Histogram(
            "gcm_sentinel_investigation_duration_seconds",
            "Wall time of an investigation, from its first turn to its assessment.",
            ("engine",),
            buckets=_INVESTIGATION_BUCKETS,
            registry=registry,
        )
        self._claims = Counter(
            "gcm_sentinel_claims_total",
            "Claims of submitted assessments: kept, or struck because the evidence does not show them.",
            ("engine", "ruling"),
            registry=registry,
        )
        self._jobs = Gauge("gcm_sentinel_queue_jobs", "Durable jobs.", ("queue", "state"), registry=registry)
        self._steps = Counter(
            "gcm_sentinel_steps_total",
            "Steps of durable jobs: done and recorded, or replayed from the record after a restart.",
            ("kind", "how"),
            registry=registry,
        )
        self._tool_calls = Counter(
            "gcm_sentinel_tool_calls_total", "Tool calls of models.", ("tool", "status"), registry=registry
        )
        self._tool_duration = Histogram(
            "gcm_sentinel_tool_call_duration_seconds",
            "How long a tool call took.",
            ("tool",),
            buckets=_CALL_BUCKETS,
            registry=registry,
        )
        for how in ("recorded", "replayed"):
            for kind in ("turn", "tool"):
                self._steps.labels(kind, how)

    def expect(self, engines: Iterable[str]) -> None:
        """Expose the failures of these engines from now on, so that the first one is seen as an increase."""
        for engine in (*engines, "none"):
            self._ended.labels(engine, Outcome.FAILED, Severity.WARNING)

    def ended(self, assessment: Assessment) -> None:
        """An investigation ended with this assessment."""
        engine = assessment.engine or "none"
        self._ended.labels(engine, assessment.outcome, assessment.draft.severity).inc()
        self._duration.labels(engine).observe(assessment.spend.wall_s)
        self._claims.labels(engine, "kept").inc(len(assessment.draft.claims))
        self._claims.labels(engine, "struck").inc(len(assessment.struck))

    def jobs_now(self, counts: Mapping[tuple[str, str], int]) -> None:
        """How many jobs there are, by queue (``investigation``, ``delivery``) and state."""
        replace_all(self._jobs, counts.items())

    def step(self, kind: str, *, replayed: bool) -> None:
        """A step (``turn``, ``tool``, ``finish`` ...) was done, or answered from the record."""
        self._steps.labels(kind, "replayed" if replayed else "recorded").inc()

    def tool_called(self, tool: str, status: str, took: timedelta) -> None:
        """A tool answered with `status`: a `ResultStatus`, ``refused`` or ``crashed``.

        A refused call may name a tool that a model made up, so its name is not kept.
        """
        name = OTHER if status == "refused" else self._tool_name(tool)
        self._tool_calls.labels(name, status).inc()
        self._tool_duration.labels(name).observe(took.total_seconds())
