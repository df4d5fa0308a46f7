"""Every setting of the gateway, grouped by what it is about; what is unknown is an error. `loading.py` reads them.

Every key stands in `docs/sentinel-gateway.md`, and a test compares the two.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from sentinel_gateway.app.setting_values import (
    Actions,
    Address,
    Addresses,
    FromJson,
    ListenAddress,
    LogFormat,
    LogLevel,
    MaybeAddress,
    OptionalPath,
    Roles,
    Seconds,
    Sha256,
)
from sentinel_gateway.domain.access import NameKind
from sentinel_gateway.domain.settings import RecordedPasses

MIB = 1 << 20
_ANY = "0.0.0.0"  # noqa: S104  agents and probes come from other machines; `access.insecure` narrows it to loopback


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Grpc(_Group):
    """The port that answers gRPC."""

    listen: ListenAddress = Address(_ANY, 50051)
    """Where clients connect; 127.0.0.1 with `access.insecure`."""
    also_listen: Addresses = ()
    """More addresses for the same services, such as the 50052 that clients of an audit ledger use."""
    token_listen: Addresses = ()
    """Addresses with TLS that ask for no client certificate: for callers with tokens, where the others require one."""
    max_receive_bytes: Annotated[int, Field(ge=4096, le=1024 * MIB)] = 16 * MIB
    """Largest message taken."""
    max_concurrent_streams: Annotated[int, Field(ge=1)] = 1000
    """Per connection."""
    min_ping_interval_seconds: Annotated[Seconds, Field(gt=0)] = 10
    """Clients that ping more often are told to calm down; clients of the reference ping every 30 s."""
    unary_timeout_seconds: Annotated[Seconds, Field(gt=0)] = 30
    """Longest a call with one answer may take, whatever deadline its caller set."""
    grace_seconds: Seconds = 10
    """How long running calls may go on after the first signal."""


class Rest(_Group):
    """The read API and the probes for Kubernetes."""

    listen: MaybeAddress = Address(_ANY, 8080)
    """Empty for none."""


class Metrics(_Group):
    """Prometheus metrics; they also stand on the REST port."""

    listen: MaybeAddress = None
    """A second address for /metrics alone, without TLS; empty for none."""
    per_gpu: bool = False
    """Also one series per GPU: its score."""


class Tls(_Group):
    """Certificates; read again when the files change."""

    enabled: bool | None = None
    """Unset: as soon as `cert_file` is set. False without `access.insecure`: plain text, tokens still decide."""
    cert_file: OptionalPath = None
    """The server's certificate with its chain, PEM."""
    key_file: OptionalPath = None
    """Its private key, PEM."""
    ca_file: OptionalPath = None
    """Authorities whose client certificates count."""
    require_client_auth: Literal["required", "none"] = "required"
    """Whether every gRPC client must show a certificate."""
    reload_seconds: Annotated[Seconds, Field(gt=0)] = 5
    """How often the files are looked at."""

    @property
    def on(self) -> bool:
        """Whether TLS is used."""
        return self.cert_file is not None if self.enabled is None else self.enabled

    @model_validator(mode="before")
    @classmethod
    def _explain_optional(cls, value: object) -> object:
        if isinstance(value, dict) and str(value.get("require_client_auth", "")).lower() == "optional":
            raise ValueError(
                "require_client_auth: gRPC's Python server cannot ask for a certificate without requiring it; keep"
                " 'required' and give callers with tokens an address of their own in grpc.token_listen"
            )
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.on and not (self.cert_file and self.key_file):
            raise ValueError("cert_file and key_file are both needed for TLS")
        if self.on and self.require_client_auth == "required" and not self.ca_file:
            raise ValueError("ca_file is needed to check client certificates; or set require_client_auth to 'none'")
        return self


class Certificate(_Group):
    """Which roles a client certificate gives."""

    match: NameKind = NameKind.COMMON_NAME
    """``cn``, ``dns`` or ``uri``: the name looked at."""
    name: Annotated[str, Field(min_length=1)]
    """Exact, or a pattern with ``*``, ``?``."""
    roles: Annotated[Roles, Field(min_length=1)]


class Token(_Group):
    """Which roles a bearer token gives."""

    name: Annotated[str, Field(min_length=1)]
    """Stands in the ledger for whoever uses it."""
    sha256: Sha256
    roles: Annotated[Roles, Field(min_length=1)]


class Access(_Group):
    """Who may do what."""

    insecure: bool = False
    """No TLS, and callers without a token are admin and agent; loopback only."""
    insecure_beyond_loopback: bool = False
    """Let `insecure` listen where other machines reach it."""
    anonymous_roles: Roles = frozenset()
    """Roles of callers that show nothing."""
    certificates: Annotated[tuple[Certificate, ...], FromJson] = ()
    """Rules: `match` (cn, dns or uri), `name` (exact, or with `*`, `?`), `roles`."""
    tokens: Annotated[tuple[Token, ...], FromJson] = ()
    """Tokens: `name`, `sha256`, `roles`."""
    tokens_file: OptionalPath = None
    """One token a line: SHA-256, roles (comma list), name. Read again when it changes."""
    refusal_window_seconds: Annotated[Seconds, Field(gt=0)] = 60
    """The same refusal is recorded in the ledger once in this time, with its count."""


class DatabaseSettings(_Group):
    """Where state and ledger are kept."""

    url: SecretStr = SecretStr("")
    """``sqlite:////path`` or ``postgresql://user:password@host/name``; empty for SQLite in `state_dir`."""
    state_dir: OptionalPath = None
    """Folder of what lies in files: SQLite, signing key, checkpoint; unset: `$XDG_STATE_HOME/sentinel-gateway`."""


class Ledger(_Group):
    """The audit ledger."""

    origin: Annotated[str, Field(min_length=1, max_length=200)] = "sentinel-gateway"
    """Names this ledger in its signed tree heads; choose it once."""
    signing_key_file: OptionalPath = None
    """Ed25519 key as PEM; unset: `signing-key.pem` in the state folder, made at the first start."""
    checkpoint_file: OptionalPath = None
    """The newest signed tree head, kept outside the database; unset: `checkpoint` in the state folder."""
    verification_interval_seconds: Seconds = 3600
    """How often the whole ledger is verified; 0 for never."""
    retention_days: Annotated[float, Field(ge=0, le=36_500)] = 0
    """Older entries are removed once a day, which the ledger records; 0 keeps all."""


class Probes(_Group):
    """How reports of agents are judged."""

    hmac_key: SecretStr = SecretStr("")
    """The agents' shared key; empty takes unsigned executions."""
    hmac_key_file: OptionalPath = None
    """A file with the shared key, instead of `hmac_key`."""
    hmac_host_keys_file: OptionalPath = None
    """Keys of single hosts, one a line: host name, key. The shared key is for all others."""
    accept_legacy_hmac: bool = False
    """Also take the signature form of the C++ agent, which covers neither result nor time."""
    max_future_seconds: Annotated[Seconds, Field(gt=0)] = 300
    """Results from further in the future are refused: a clock is wrong."""
    max_age_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    """Older results are refused."""
    max_batch: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Executions, events or reports in one batch."""
    agent_active_seconds: Annotated[Seconds, Field(gt=0)] = 120
    """An agent that was silent for longer is not counted as active."""
    own_hostname: bool = False
    """A caller reports for the host it is named after (certificate or token), and for no other."""
    max_gpus: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """GPUs that are known; reports about more are refused."""
    max_hosts: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """Hosts that report, and components that receive settings; more are refused."""
    max_pairs: Annotated[int, Field(ge=0, le=100_000_000)] = 1_000_000
    """Pairs of GPUs whose agreement is remembered; votes on more count all the same."""
    max_event_bytes: Annotated[int, Field(ge=1024, le=MIB)] = 65_536
    """One execution that did not pass, anomaly, telemetry report or canary; larger ones are refused."""
    record_passes: RecordedPasses = RecordedPasses.SUMMARY
    """How probes that passed stand in the ledger: ``summary`` per GPU and hour, ``full``, or ``none``."""


class Bayesian(_Group):
    """The reliability score alpha / (alpha + beta)."""

    prior_alpha: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 100
    """Passes that a GPU begins with."""
    prior_beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1
    """Failures that it begins with."""
    probe_pass_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Added to alpha by a probe that passed."""
    probe_failure_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Added to beta by a probe that failed."""
    anomaly_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.3
    """Added to beta by an anomaly."""
    tmr_dissent_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    """Added to beta of the GPU that two others outvoted."""


class StateMachine(_Group):
    """When a GPU's state changes by itself, and which directives wait for a person."""

    suspect_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """A score below it makes a healthy GPU SUSPECT."""
    suspect_failures: Annotated[int, Field(ge=1)] = 3
    """Failures in a row on one SM that do, too."""
    require_approval: Actions = ("condemn",)
    """Actions that wait: quarantine, reinstate, condemn, schedule_deep_test. A directive can ask to wait, too."""
    approval_timeout_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    """A directive that waits for longer expires."""
    four_eyes: bool = True
    """Nobody decides a directive of their own."""
    quarantine_timeout_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 24
    """A GPU that stays quarantined for longer is reported in the ledger; 0 for never."""
    deep_test_timeout_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 4
    """The same for a deep test."""


class Queue(_Group):
    """How much may wait for the database; more is refused as RESOURCE_EXHAUSTED."""

    max_requests: Annotated[int, Field(ge=1)] = 10_000
    """Waiting requests."""
    max_items: Annotated[int, Field(ge=1)] = 200_000
    """Executions, events, reports and entries of all waiting requests together."""


class History(_Group):
    """What is kept how long, and how rates are counted."""

    rate_window_seconds: Annotated[Seconds, Field(gt=0)] = 3600
    """Over how long the rates per hour are counted."""
    sample_interval_seconds: Annotated[Seconds, Field(gt=0)] = 60
    """A GPU's score is sampled at most so often, unless its state changes."""
    summary_interval_seconds: Annotated[Seconds, Field(gt=0)] = 3600
    """How often probes that passed are summed up in the ledger."""
    keep_samples_days: Annotated[float, Field(gt=0)] = 30
    """Samples of scores."""
    keep_history_days: Annotated[float, Field(gt=0)] = 365
    """Changes of state, decided directives, TMR rounds."""


class Testing(_Group):
    """Fault injection."""

    enabled: bool = False
    """Offer sentinel.internal.TestingService."""


class Log(_Group):
    """What is written to standard error."""

    level: LogLevel = "info"
    """debug, info, warning or error."""
    format: LogFormat = "json"
    """json or text."""


class Settings(_Group):
    """All of it."""

    grpc: Grpc = Grpc()
    rest: Rest = Rest()
    metrics: Metrics = Metrics()
    tls: Tls = Tls()
    access: Access = Access()
    database: DatabaseSettings = DatabaseSettings()
    ledger: Ledger = Ledger()
    probes: Probes = Probes()
    bayesian: Bayesian = Bayesian()
    state_machine: StateMachine = StateMachine()
    queue: Queue = Queue()
    history: History = History()
    testing: Testing = Testing()
    log: Log = Log()

    @model_validator(mode="after")
    def _somebody_is_known(self) -> Self:
        if self.access.insecure and self.tls.on:
            raise ValueError("access.insecure means no TLS, but tls is on: choose one")
        if not self.tls.on and not self.access.insecure and self.tls.enabled is None:
            raise ValueError(
                "set tls.cert_file, tls.key_file and tls.ca_file; or --insecure on one machine; or tls.enabled: false"
                " where something else encrypts, and tokens decide who is who"
            )
        if self.access.insecure and not self.access.insecure_beyond_loopback:
            _refuse_beyond_loopback(self)
        return self


def _refuse_beyond_loopback(settings: Settings) -> None:
    addresses = (settings.grpc.listen, *settings.grpc.also_listen, settings.rest.listen, settings.metrics.listen)
    for address in addresses:
        if address is not None and not address.is_loopback:
            raise ValueError(
                f"access.insecure lets everybody who can connect condemn GPUs, and {address} is not loopback;"
                " listen on 127.0.0.1, or set access.insecure_beyond_loopback"
            )
