"""What `eval` was asked for, as values: which cases, with which settings of the agent, and what the run may spend."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gcm_sentinel import __version__
from gcm_sentinel.app import evaluate, plugins
from gcm_sentinel.app.models import chosen_engine, price_of
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, Usage
from gcm_sentinel.evals.case_record import CaseRecord
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
        others = (point.name for point in plugins.registered() if point.name not in off)
        return (off, *((*off, name) for name in others))

    def case_settings(self, without: Sequence[str]) -> tuple[tuple[str, Any], ...]:
        """The agent's settings in a case: no other engine answers in the place of the one that is measured."""
        off = tuple(dict.fromkeys((*self.settings.disabled_sources, *without)))
        given: dict[str, Any] = {"disabled_sources": off} if off else {}
        if self.engine != FREE:
            given |= dict.fromkeys(_POOLS, 0) | {"llm_fallback": ()}
        if self.ceilings.case_tokens is not None:
            given["max_tokens"] = self.ceilings.case_tokens
        if self.ceilings.case_usd is not None:
            given["max_cost_usd"] = self.ceilings.case_usd
        return tuple(given.items())


_POOLS = ("budget_usd_per_hour", "budget_usd_per_day", "budget_tokens_per_hour", "budget_tokens_per_day")


def check(plan: EvalPlan) -> None:
    """Refuse what cannot be kept to, before anything is paid for.

    Raises:
        BadConfiguration: an unknown source, --resume without --output, or a ceiling in money for an unknown price.
    """
    known = [point.name for point in plugins.registered()]
    unknown = [name for name in plan.suite.without if name not in known]
    if unknown:
        raise BadConfiguration(f"--without: no data source {unknown[0]!r}; there are: {', '.join(known)}")
    if plan.keeping.resume and plan.keeping.output is None:
        raise BadConfiguration("--resume goes on with what --output has begun: name it")
    in_money = plan.ceilings.case_usd is not None or plan.ceilings.run_usd is not None
    if in_money and not _price_is_known(plan.settings):
        raise BadConfiguration(
            f"a ceiling in USD cannot be kept: the price of model {_model(plan.settings)!r} is not known; "
            "set GCM_SENTINEL_PRICES, or use a ceiling in tokens"
        )


def _price_is_known(settings: Settings) -> bool:
    turn = ModelTurn("", (), StopReason.END, Usage(1, 0, 1), engine=chosen_engine(settings), model=_model(settings))
    return price_of(settings)(turn) is not None


def _model(settings: Settings) -> str:
    engine = chosen_engine(settings)
    if settings.model or engine == FREE:
        return settings.model
    if engine == "anthropic":
        from gcm_sentinel.llm.anthropic import DEFAULT_MODEL

        return DEFAULT_MODEL
    from gcm_sentinel.llm.openai import DEFAULT_MODEL as OPENAI_MODEL

    return OPENAI_MODEL


def how(plan: EvalPlan, scenarios: Sequence[Scenario]) -> dict[str, Json]:
    """Everything that makes a run's results what they are; two runs that differ in it cannot be made one."""
    limits, ceilings = plan.settings.limits, plan.ceilings
    host = urlsplit(plan.settings.llm_base_url)
    return {
        "version": __version__,
        "engine": plan.engine,
        "model": "" if plan.engine == FREE else _model(plan.settings),
        "endpoint": f"{host.hostname}:{host.port}{host.path}" if plan.engine != FREE and host.hostname else "",
        "mode": str(plan.mode or ""),
        "seeds": plan.suite.seeds,
        "variants": plan.suite.variants,
        "without": [list(off) for off in plan.ablations],
        "max_tokens_per_case": limits.tokens if ceilings.case_tokens is None else ceilings.case_tokens,
        "max_cost_usd_per_case": limits.cost_usd if ceilings.case_usd is None else ceilings.case_usd,
        "max_turns_per_case": limits.rounds,
        "max_seconds_per_case": limits.wall.total_seconds(),
        "scenarios": {scenario.id: _digest(scenario) for scenario in scenarios},
    }


def _digest(scenario: Scenario) -> str:
    return hashlib.sha256(Path(scenario.file).read_bytes()).hexdigest()[:12]


def cases(plan: EvalPlan, scenarios: Sequence[Scenario]) -> tuple[Case, ...]:
    """Every case of the suite, and all of them again for each set of sources turned off."""
    suite = plan.suite
    return tuple(
        case
        for off in plan.ablations
        for case in evaluate.cases(scenarios, suite.seeds, variants=suite.variants, settings=plan.case_settings(off))
    )


class Purse:
    """What the run has spent so far, and whether another case may be begun."""

    def __init__(self, ceilings: Ceilings) -> None:
        self._ceilings = ceilings
        self._tokens = 0
        self._usd = 0.0

    def spend(self, record: CaseRecord) -> None:
        """One more case was paid for."""
        if record.measures:
            self._tokens += record.measures.tokens
            self._usd += record.measures.cost_usd or 0.0

    @property
    def reached(self) -> str:
        """Which ceiling is reached, as a sentence; empty while there is room."""
        tokens, usd = self._ceilings.run_tokens, self._ceilings.run_usd
        if tokens is not None and self._tokens >= tokens:
            return f"{self._tokens} tokens are spent, {tokens} may be (--max-tokens)"
        if usd is not None and self._usd >= usd:
            return f"{self._usd:.4f} USD are spent, {usd:g} may be (--max-cost-usd)"
        return ""

    def has_room(self) -> bool:
        """Whether another case may be begun."""
        return not self.reached
