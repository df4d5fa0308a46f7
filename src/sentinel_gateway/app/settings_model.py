"""When evidence against a GPU is enough, and which GPUs are compared with each other.

docs/sentinel-model.md has the arithmetic, and where each number comes from.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from sentinel_gateway.app.setting_values import Seconds, StrategyName
from sentinel_gateway.app.settings_group import Group
from sentinel_gateway.domain.model_settings import MOST_SHARE, ModelSettings
from sentinel_gateway.domain.settings import Strategy

_MODEL = ModelSettings()
_Nats = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
_Hours = Annotated[float, Field(gt=0, le=24 * 365)]


class Model(Group):
    """The reliability model."""

    healthy_failure_rate: Annotated[float, Field(gt=0, le=0.001)] = _MODEL.healthy_failure_rate
    """Chance that a healthy SM fails one probe, at most; check it on your own fleet."""
    suspect_nats: _Nats = _MODEL.suspect_nats
    """Evidence that makes a healthy GPU SUSPECT."""
    quarantine_nats: _Nats = _MODEL.quarantine_nats
    """Evidence that quarantines a GPU; not below `suspect_nats`."""
    quarantine_bursts: Annotated[int, Field(ge=1, le=1000)] = _MODEL.quarantine_bursts
    """An SM's failures never quarantine before so many bursts of them."""
    clear_passes: Annotated[int, Field(ge=1, le=10_000_000)] = _MODEL.clear_passes
    """Passes of an SM since its last failure before a SUSPECT GPU may be HEALTHY again."""
    clear_after_seconds: Seconds = _MODEL.clear_after.total_seconds()
    """And so long it stays SUSPECT at least."""
    half_life_hours: _Hours = _MODEL.half_life.total_seconds() / 3600
    """Of what anomalies and TMR dissents say."""
    anomaly_cap_nats: Annotated[float, Field(ge=0, le=1000)] = _MODEL.anomaly_cap_nats
    """All anomalies of a GPU together say no more; below `quarantine_nats`, so that they never quarantine alone."""
    guard_window_seconds: Annotated[Seconds, Field(gt=0, le=7 * 86400)] = _MODEL.guard_window.total_seconds()
    """How long a failure counts for what failing GPUs have in common."""
    guard_share: Annotated[float, Field(gt=0, le=1)] = _MODEL.guard_share
    """Share of the GPUs with one thing in common that must fail within the window to blame that thing."""
    guard_gpus: Annotated[int, Field(ge=2)] = _MODEL.guard_gpus
    """And at least so many of them."""
    wide_share: Annotated[float, Field(gt=0, le=1)] = _MODEL.wide_share
    """Share of a GPU's SMs from which on failures are no defect of an SM: believed where a neighbour passes."""
    prior_defective: Annotated[float, Field(gt=0, lt=1)] = _MODEL.prior_defective
    """Share of GPUs that corrupt data silently, before any evidence; for the confidence that is told."""
    probe_doubt: Annotated[float, Field(ge=0, lt=1)] = _MODEL.probe_doubt
    """Chance that one kind of evidence alone misleads; for the same."""
    automatic_share: Annotated[float, Field(ge=0)] = _MODEL.automatic_share
    """Share of the GPUs in use that the gateway quarantines by itself within the window; above it a person decides.
    More than 0.25 is refused."""
    automatic_least: Annotated[int, Field(ge=0)] = _MODEL.automatic_least
    """So many it may, up to a quarter of the GPUs in use; 0 with a share of 0 leaves every quarantine to a person."""
    automatic_window_hours: _Hours = _MODEL.automatic_window.total_seconds() / 3600
    """How long that window is."""
    deep_test_automatic: bool = _MODEL.deep_test_automatic
    """Deep-test a GPU that the gateway quarantined for its evidence, without anybody asking."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.suspect_nats > self.quarantine_nats:
            raise ValueError("suspect_nats is above quarantine_nats: a GPU is SUSPECT before it is quarantined")
        if self.anomaly_cap_nats >= self.quarantine_nats:
            raise ValueError("anomaly_cap_nats is not below quarantine_nats: anomalies alone would quarantine")
        return self

    @model_validator(mode="after")
    def _leaves_a_fleet(self) -> Self:
        if self.automatic_share > MOST_SHARE:
            raise ValueError(
                f"automatic_share is {self.automatic_share:g}: at most {MOST_SHARE:g} of the GPUs in use may go without"
                " a person, for a fleet that seems to break at once has one cause"
            )
        return self


class Tmr(Group):
    """Canaries: work that three GPUs compute at the same time."""

    interval_seconds: Annotated[Seconds, Field(le=7 * 86400)] = 600
    """How often canaries are scheduled while an agent follows them; 0 for never."""
    triples: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Canaries at a time, at most."""
    timeout_seconds: Annotated[Seconds, Field(gt=0, le=3600)] = 30
    """How long their results may take."""
    strategy: StrategyName = Strategy.SUSPECT_PRIORITY
    """Who is compared first: `suspect_priority`, `round_robin` or `random`."""
    model_id: Annotated[str, Field(min_length=1, max_length=200)] = "sentinel-canary"
    """The model that canaries run; agents know it."""
    count_unscheduled: bool = False
    """Believe dissents in canaries that agents scheduled themselves: then who may report can blame any GPU."""
