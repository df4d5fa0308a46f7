"""What an operator can set about decisions, with the defaults of the reference's documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.model_settings import ModelSettings
from sentinel_gateway.domain.roles import GATEWAY


class Strategy(StrEnum):
    """How targets of canaries are chosen: the reference's documented three."""

    ROUND_ROBIN = "round_robin"
    RANDOM = "random"
    SUSPECT_PRIORITY = "suspect_priority"


class RecordedPasses(StrEnum):
    """How probes that passed are evidenced in the ledger; all others have an entry each, always."""

    SUMMARY = "summary"
    """One entry per GPU and hour with counts."""
    FULL = "full"
    """Also an entry for each."""
    NONE = "none"
    """Not at all."""


@dataclass(frozen=True, slots=True)
class BeliefSettings:
    """The Beta score: where it begins, and how much each kind of evidence weighs."""

    prior_alpha: float = 100.0
    prior_beta: float = 1.0
    probe_pass_weight: float = 1.0
    probe_failure_weight: float = 1.0
    anomaly_weight: float = 0.3
    tmr_dissent_weight: float = 2.0


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How long a GPU may stay where somebody should look at it."""

    quarantine_timeout: timedelta = timedelta(seconds=86400)
    """0: never reported."""
    deep_test_timeout: timedelta = timedelta(seconds=14400)
    """0: never reported."""
    max_quarantine: timedelta = timedelta(hours=720)
    """After which the gateway asks to condemn a GPU nobody decided about; 0: never. Documented."""


@dataclass(frozen=True, slots=True)
class TmrSettings:
    """How often canaries are run, and on which GPUs; the documented numbers."""

    interval: timedelta = timedelta(seconds=600)
    """0: never."""
    triples: int = 10
    """Canaries scheduled together at most."""
    timeout: timedelta = timedelta(seconds=30)
    """For their results; who does not answer is chosen again like others."""
    strategy: Strategy = Strategy.SUSPECT_PRIORITY
    model_id: str = "sentinel-canary"
    """Which model the canaries run; agents know it."""
    count_unscheduled: bool = False
    """Dissents in canaries that the gateway did not schedule are evidence too; for agents that schedule them."""


@dataclass(frozen=True, slots=True)
class ApprovalSettings:
    """Which directives wait for a person."""

    actions: frozenset[Action] = frozenset({Action.CONDEMN})
    """These wait always; others when their request says so."""
    timeout: timedelta = timedelta(hours=24)
    four_eyes: bool = True
    """Nobody decides a directive of their own."""
    insecure: bool = False
    """Callers need not show who they are. Who shows nothing decides then without four eyes, which is recorded."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """What is taken from agents."""

    max_future: timedelta = timedelta(seconds=300)
    max_age: timedelta = timedelta(hours=24)
    max_batch: int = 10_000
    """Executions, events or reports in one batch."""
    agent_active: timedelta = timedelta(seconds=120)
    """An agent that was silent for longer is not counted as active."""
    own_hostname: bool = False
    """A caller reports for the host it is named after, and for no other."""
    whole_gpu: bool = True
    """An execution holds the whole GPU for its time; else only its SM."""
    max_gpus: int = 100_000
    """GPUs that are known; reports about more are refused."""
    max_hosts: int = 100_000
    """Hosts that report one kind of batch, and components that receive settings; more are refused."""
    max_pairs: int = 1_000_000
    """Pairs of GPUs whose agreement is remembered; votes on more count, but their pairs are not remembered."""
    max_event_bytes: int = 65_536
    """One execution that did not pass, one anomaly, one telemetry report or one canary; larger ones are refused."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How much may wait for the database."""

    max_requests: int = 10_000
    max_items: int = 200_000
    """Executions, events, reports and entries in all waiting requests together."""
    round_items: int = 20_000
    """What is decided and stored together at most."""


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """What is kept how long."""

    rate_window: timedelta = timedelta(hours=1)
    sample_interval: timedelta = timedelta(minutes=1)
    """A GPU's score is sampled at most so often, unless its state changes."""
    summary_interval: timedelta = timedelta(hours=1)
    keep_samples: timedelta = timedelta(days=30)
    """0 keeps all."""
    keep_history: timedelta = timedelta(days=365)
    """Transitions, correlations, decided directives, TMR rounds, replaced settings; 0 keeps all."""
    keep_ledger: timedelta = timedelta(0)
    """Entries of the audit ledger; 0 keeps all."""


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """All of it."""

    belief: BeliefSettings = field(default_factory=BeliefSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    tmr: TmrSettings = field(default_factory=TmrSettings)
    approvals: ApprovalSettings = field(default_factory=ApprovalSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    record_passes: RecordedPasses = RecordedPasses.SUMMARY
    note_window: timedelta = timedelta(seconds=60)
    """The same refusal is recorded in the ledger once in this time, with its count."""
    tick: timedelta = timedelta(seconds=5)
    """How often what is due is looked for: expiries, timeouts, summaries."""
    forget_interval: timedelta = timedelta(minutes=1)
    """How often old rows are deleted."""
    name: str = GATEWAY
    """Stands where the gateway itself did something."""
