"""Engines: model turns, tokens, money, and what is left of the budgets."""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gcm_sentinel.app.metrics.labels import BoundedNames
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.transcript import ModelTurn

_TURN_BUCKETS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 180.0)
_MOST_MODELS = 20

Window = Literal["hour", "day"]
Unit = Literal["usd", "tokens"]
Pool = Literal["any", "critical"]


class EngineMetrics:
    """Counts what models were asked and what it cost."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._model_name = BoundedNames(_MOST_MODELS)
        labels = ("engine", "model")
        self._turns = Counter(
            "gcm_sentinel_model_turns_total", "Turns that models answered.", labels, registry=registry
        )
        self._failed = Counter(
            "gcm_sentinel_model_turn_failures_total",
            "Turns that no engine of the list answered: failed, or partial where the time was over.",
            ("outcome",),
            registry=registry,
        )
        for outcome in (Outcome.FAILED, Outcome.PARTIAL):
            self._failed.labels(outcome)
        self._duration = Histogram(
            "gcm_sentinel_model_turn_duration_seconds",
            "How long a turn took.",
            ("engine",),
            buckets=_TURN_BUCKETS,
            registry=registry,
        )
        self._tokens = Counter(
            "gcm_sentinel_model_tokens_total",
            "Tokens: input (prompt, not cached), cached (prompt, from the provider's cache), output.",
            (*labels, "type"),
            registry=registry,
        )
        self._cost = Counter(
            "gcm_sentinel_model_cost_usd_total", "Money spent, by the price table.", labels, registry=registry
        )
        self._unpriced = Counter(
            "gcm_sentinel_model_turns_unpriced_total",
            "Turns whose model has no price: their cost is not known.",
            labels,
            registry=registry,
        )
        self._left = {unit: _budget("left", unit, registry) for unit in ("usd", "tokens")}
        self._limit = {unit: _budget("limit", unit, registry) for unit in ("usd", "tokens")}

    def turn(self, turn: ModelTurn, cost_usd: float | None) -> None:
        """A model answered; `cost_usd` is None where its price is not known."""
        labels = (turn.engine or "unknown", self._model_name(turn.model or turn.engine))
        usage = turn.usage
        self._turns.labels(*labels).inc()
        self._duration.labels(labels[0]).observe(turn.latency_s)
        self._tokens.labels(*labels, "input").inc(max(0, usage.input_tokens - usage.cached_tokens))
        self._tokens.labels(*labels, "cached").inc(usage.cached_tokens)
        self._tokens.labels(*labels, "output").inc(usage.output_tokens)
        if cost_usd is None:
            self._unpriced.labels(*labels).inc()
        else:
            self._cost.labels(*labels).inc(cost_usd)

    def turn_failed(self, outcome: Outcome) -> None:
        """A turn came to nothing and ends its investigation so."""
        self._failed.labels(outcome).inc()

    def budget(self, window: Window, unit: Unit, *, limit: float, left: float, reserve: float) -> None:
        """What is left of one budget that has a limit; `reserve` is what only critical incidents may use of it.

        The pool ``any`` is what every incident may still use, ``critical`` what a critical one may.
        """
        self._limit[unit].labels(window, "any").set(limit - reserve)
        self._limit[unit].labels(window, "critical").set(limit)
        self._left[unit].labels(window, "any").set(max(0.0, left - reserve))
        self._left[unit].labels(window, "critical").set(max(0.0, left))


def _budget(what: str, unit: str, registry: CollectorRegistry) -> Gauge:
    help_ = "What is left of a budget" if what == "left" else "The budget"
    return Gauge(
        f"gcm_sentinel_budget_{what}_{unit}",
        f"{help_} of all investigations together; absent without a limit.",
        ("window", "pool"),
        registry=registry,
    )
