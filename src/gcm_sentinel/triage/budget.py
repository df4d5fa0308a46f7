"""Which engine may answer, by what all investigations of the last hour and day have spent.

When a budget is dry the playbook engine answers, which costs nothing; there is never silence. A share of each budget is
kept for critical incidents, so that a night of warnings does not use up what a dead rack needs in the morning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gcm_sentinel.domain.incident_record import Urgency


class Spent(Protocol):
    """What was spent in some span of time."""

    @property
    def tokens(self) -> int:
        """Prompt and answer tokens together."""
        ...

    @property
    def usd(self) -> float:
        """Money, as far as prices are known."""
        ...


@dataclass(frozen=True, slots=True)
class Pools:
    """The budgets of all investigations together; 0 for no limit."""

    usd_per_hour: float = 0.0
    usd_per_day: float = 0.0
    tokens_per_hour: int = 0
    tokens_per_day: int = 0
    critical_reserve: float = 0.25
    """Share of each that only critical incidents may use, 0 to 1."""

    @property
    def unlimited(self) -> bool:
        """Whether there is nothing to keep to."""
        return not (self.usd_per_hour or self.usd_per_day or self.tokens_per_hour or self.tokens_per_day)


@dataclass(frozen=True, slots=True)
class EngineRuling:
    """Whether the LLM may answer."""

    llm: bool
    reason: str = ""
    """Why not: the budget, the figures and the setting."""


_ALLOWED = EngineRuling(llm=True)
_SETTING = "GCM_SENTINEL_BUDGET_"


def choose_engine(spent_hour: Spent, spent_day: Spent, pools: Pools, urgency: Urgency) -> EngineRuling:
    """Whether an incident of `urgency` may still use the LLM; the first budget that is dry is named."""
    budgets = (
        ("hourly", spent_hour.usd, pools.usd_per_hour, "USD"),
        ("daily", spent_day.usd, pools.usd_per_day, "USD"),
        ("hourly", spent_hour.tokens, pools.tokens_per_hour, "TOKENS"),
        ("daily", spent_day.tokens, pools.tokens_per_day, "TOKENS"),
    )
    open_share = 1.0 if urgency is Urgency.CRITICAL else 1.0 - pools.critical_reserve
    for span, spent, limit, unit in budgets:
        if limit and spent >= limit * open_share:
            return EngineRuling(llm=False, reason=_dry(span, spent, limit, unit, pools))
    return _ALLOWED


def _dry(span: str, spent: float, limit: float, unit: str, pools: Pools) -> str:
    setting = f"{_SETTING}{unit}_PER_{'HOUR' if span == 'hourly' else 'DAY'}"
    figures = f"{spent:.2f} of {limit:.2f} USD" if unit == "USD" else f"{spent:.0f} of {limit:.0f} tokens"
    words = f"the {span} budget is used up: {figures} ({setting})"
    if spent >= limit:
        return words
    return (
        f"the {span} budget is used up but for what is kept for critical incidents: {figures}, "
        f"the last {pools.critical_reserve:.0%} in reserve ({setting}, {_SETTING}CRITICAL_RESERVE)"
    )
