"""What `eval` was asked for, as values: which cases, with which settings of the agent, and what the run may spend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gcm_sentinel.app import evaluate, plugins
from gcm_sentinel.app.models import chosen_engine, price_of
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, Usage
from sentinel_fleet.scenario import Scenario

FREE = "playbook"
"""The engine that asks nobody and costs nothing."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Which cases."""

    folder: Path | None = None
    """Of scenarios, or one file; None for ours."""
    only: tuple[str, ...] = ()
    seeds: int = 1
    variants: bool = True
    without: tuple[str, ...] = ()
    """Data sources that are turned off for the whole run."""
    drop_each: bool = False
    """Whether the suite is run once more without each source."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What may be spent; None for what the settings say, or for no limit of the run."""

    case_tokens: int | None = None
    case_usd: float | None = None
    run_tokens: int | None = None
    run_usd: float | None = None

    @property
    def in_money(self) -> bool:
        """Whether any of them is in USD."""
        return self.case_usd is not None or self.run_usd is not None


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of a run."""

    output: Path | None = None
    html: Path | None = None
    record: Path | None = None
    resume: bool = False


@dataclass(frozen=True, slots=True)
class EvalPlan:
    """What `eval` was asked to run."""

    suite: Suite
    engine: str
    settings: Settings
    ceilings: Ceilings = field(default_factory=Ceilings)
    keeping: Keeping = field(default_factory=Keeping)
    require: float = 0.0
    mode: Mode | None = None
    """An acting mode; None where nothing is to be carried out."""
    jobs: int | None = None
    """How many cases at a time; None for as many as there are processors."""

    @property
    def ablations(self) -> tuple[tuple[str, ...], ...]:
        """The sets of sources that are turned off, one run of the suite each; the whole first."""
        off = self.suite.without
        if not self.suite.drop_each:
            return (off,)
        gone = (*off, *self.settings.disabled_sources)
        others = (point.name for point in plugins.registered() if point.name not in gone)
        return (off, *((*off, name) for name in others))

    def case_settings(self, without: Sequence[str]) -> tuple[tuple[str, Any], ...]:
        """The agent's settings in a case: no other engine answers in the place of the one that is measured."""
        off = tuple(dict.fromkeys((*self.settings.disabled_sources, *without)))
        given: dict[str, Any] = {"disabled_sources": off} if off else {}
        if self.engine != FREE:
            given |= dict.fromkeys(_POOLS, 0) | {"llm_fallback": (), **_dated_prices(self.settings)}
        if self.ceilings.case_tokens is not None:
            given["max_tokens"] = self.ceilings.case_tokens
        if self.ceilings.case_usd is not None:
            given["max_cost_usd"] = self.ceilings.case_usd
        return tuple(given.items())


_DAYS = {"-2025-01-31": "-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]", "-20250131": "-" + "[0-9]" * 8}
"""How servers name the dated variant of a model that was asked for by its plain name: an example, and its glob."""
_POOLS = ("budget_usd_per_hour", "budget_usd_per_day", "budget_tokens_per_hour", "budget_tokens_per_day")


def check(plan: EvalPlan) -> None:
    """Refuse what cannot be kept to, before anything is paid for.

    Raises:
        BadConfiguration: an unknown source, --resume without --output, a ceiling of no money, or one in money for an
            unknown price.
    """
    known = [point.name for point in plugins.registered()]
    unknown = [name for name in plan.suite.without if name not in known]
    if unknown:
        raise BadConfiguration(f"--without: no data source {unknown[0]!r}; there are: {', '.join(known)}")
    if plan.keeping.resume and plan.keeping.output is None:
        raise BadConfiguration("--resume goes on with what --output has begun: name it")
    _check_money(plan)


def _check_money(plan: EvalPlan) -> None:
    ceilings = plan.ceilings
    for flag, usd in (("--max-cost-usd-per-case", ceilings.case_usd), ("--max-cost-usd", ceilings.run_usd)):
        if usd is not None and not (usd > 0 and math.isfinite(usd)):
            raise BadConfiguration(f"{flag} {usd:g}: a ceiling is more than 0 USD; leave it out for none")
    if ceilings.in_money and _cost(plan.settings, model_of(plan.settings)) is None:
        raise BadConfiguration(
            f"a ceiling in USD cannot be kept: the price of model {model_of(plan.settings)!r} is not known; "
            "set GCM_SENTINEL_PRICES, or use a ceiling in tokens"
        )


def _cost(settings: Settings, model: str) -> float | None:
    """What some turn of `model` costs; None where its price is not known."""
    return price_of(settings)(
        ModelTurn("", (), StopReason.END, Usage(1, 0, 1), engine=chosen_engine(settings), model=model)
    )


def _dated_prices(settings: Settings) -> dict[str, Any]:
    """The price of the model also for its dated variants, by whose names servers answer; none that has its own."""
    model = model_of(settings)
    price = settings.prices.get(model)
    unknown = (
        {}
        if price is None
        else {model + glob: price for day, glob in _DAYS.items() if _cost(settings, model + day) is None}
    )
    return {"prices": {**settings.prices, **unknown}} if unknown else {}


def model_of(settings: Settings) -> str:
    """The model that is asked for; empty for the playbook engine."""
    engine = chosen_engine(settings)
    if settings.model or engine == FREE:
        return settings.model
    if engine == "anthropic":
        from gcm_sentinel.llm.anthropic import DEFAULT_MODEL

        return DEFAULT_MODEL
    from gcm_sentinel.llm.openai import DEFAULT_MODEL as OPENAI_MODEL

    return OPENAI_MODEL


def cases(plan: EvalPlan, scenarios: Sequence[Scenario]) -> tuple[Case, ...]:
    """Every case of the suite, and all of them again for each set of sources turned off."""
    suite = plan.suite
    return tuple(
        case
        for off in plan.ablations
        for case in evaluate.cases(scenarios, suite.seeds, variants=suite.variants, settings=plan.case_settings(off))
    )
