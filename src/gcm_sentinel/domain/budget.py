"""The budget of one investigation: pure limits over what was spent, decided before each turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from gcm_sentinel.domain.assessment import Spend
from gcm_sentinel.domain.transcript import ModelTurn


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings of one investigation; the defaults suit an eight-GPU node and a large model."""

    rounds: int = 25
    """Model turns, the final one included."""
    tokens: int = 400_000
    """Prompt and answer tokens together; 0 for no limit."""
    wall: timedelta = timedelta(minutes=10)
    cost_usd: float = 0.0
    """0 for no limit; a model of unknown price cannot be held to it."""
    calls_per_round: int = 16
    """Tool calls run in one turn; the rest are answered with a refusal."""
    corrections: int = 3
    """How often an invalid or unsupported submission is returned to the model."""


def exceeded(limits: Limits, spend: Spend) -> str | None:
    """Which ceiling `spend` has reached, as a sentence naming the setting; None while there is room."""
    if spend.rounds >= limits.rounds:
        return f"the limit of {limits.rounds} model turns was reached (GCM_SENTINEL_MAX_TOOL_ROUNDS)"
    if limits.tokens and spend.tokens >= limits.tokens:
        return f"the limit of {limits.tokens} tokens was reached (GCM_SENTINEL_MAX_TOKENS)"
    if spend.wall_s >= limits.wall.total_seconds():
        return f"the limit of {limits.wall.total_seconds():.0f} s was reached (GCM_SENTINEL_MAX_SECONDS)"
    if limits.cost_usd and spend.cost_usd is not None and spend.cost_usd >= limits.cost_usd:
        return f"the limit of {limits.cost_usd} USD was reached (GCM_SENTINEL_MAX_COST_USD)"
    return None


def last_round(limits: Limits, spend: Spend) -> bool:
    """Whether the next turn is the last one the limits allow, so that the model must be told to conclude."""
    near_tokens = bool(limits.tokens) and spend.tokens >= 0.85 * limits.tokens
    near_wall = spend.wall_s >= 0.85 * limits.wall.total_seconds()
    return spend.rounds >= limits.rounds - 1 or near_tokens or near_wall


def add_turn(spend: Spend, turn: ModelTurn, cost_usd: float | None) -> Spend:
    """`spend` with one more turn; an unknown price makes the whole cost unknown."""
    total = None if spend.cost_usd is None or cost_usd is None else spend.cost_usd + cost_usd
    return replace(
        spend,
        rounds=spend.rounds + 1,
        input_tokens=spend.input_tokens + turn.usage.input_tokens,
        cached_tokens=spend.cached_tokens + turn.usage.cached_tokens,
        output_tokens=spend.output_tokens + turn.usage.output_tokens,
        cost_usd=total,
    )


def add_wall(spend: Spend, took_s: float) -> Spend:
    """`spend` with the duration of one more step, in seconds."""
    return replace(spend, wall_s=spend.wall_s + took_s)
