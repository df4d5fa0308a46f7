"""Settings: one flat tree, read once at start. File, then environment, then flags; what is unknown is an error.

The variables of the original agent keep their names and meaning (prefix `GCM_SENTINEL_`). Lists accept a comma list and
a JSON array, because charts and people write the one and the other. Charts also set variables to nothing: an empty one
counts as not set, but for the few where "none" is an answer.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from gcm_sentinel.app.setting_values import Address, Endpoint, LogLevel, Names, Pairs, Patterns, Prices
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.modes import Mode

PREFIX = "GCM_SENTINEL_"
CONFIG_FILE_VARIABLE = f"{PREFIX}CONFIG"
_EMPTY_IS_AN_ANSWER = frozenset({"prometheus_url", "alertmanager_url", "llm_fallback"})
"""Settings with a default that an empty value turns off."""

_SERVICE_LINK = re.compile(
    r"GCM_SENTINEL_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
"""What the kubelet sets in every pod beside a Service whose name begins so; a bare `..._PORT` is told by its value.
https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables"""

_ALIKE = 0.8
"""How like a known variable an unknown one must be to be a slip of it; the prefix alone makes all of them alike."""

Engine = Literal["auto", "anthropic", "openai", "playbook"]
Probes = Literal["off", "light", "deep"]


class Settings(BaseSettings):
    """Every setting of the agent, its environment variable being the upper-case name behind `GCM_SENTINEL_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True, env_ignore_empty=False
    )

    # model
    llm_api: Engine = "auto"
    """`auto` uses `anthropic` when a key is set and the playbook engine when none is."""
    api_key: SecretStr = SecretStr("")
    model: str = ""
    """Model id; empty for the engine's own default."""
    llm_base_url: Address = ""
    """Another server that speaks the engine's protocol."""
    llm_fallback: Names = ("playbook",)
    """Engines that take over, in order, when the chosen one cannot go on."""
    anthropic_api_key: SecretStr = SecretStr("")
    """Key of `anthropic` where it stands in the fallback list; `api_key` belongs to the chosen engine."""
    openai_api_key: SecretStr = SecretStr("")
    """Key of `openai` where it stands in the fallback list."""
    turn_timeout_seconds: Annotated[int, Field(ge=1)] = 180
    prices: Prices = Field(default_factory=dict)
    """USD per million tokens by model glob; a model without a price costs an unknown amount."""

    # sources
    prometheus_url: Address = "http://kube-prometheus-stack-prometheus.monitoring:9090"
    alertmanager_url: Address = "http://kube-prometheus-stack-alertmanager.monitoring:9093"
    loki_url: Address = ""
    kubeconfig: Path | None = None
    kube_context: str = ""
    disabled_sources: Names = ()
    topology_labels: Pairs = Field(default_factory=dict)
    """Topology key to node label, over the defaults."""
    topology_queries: Pairs = Field(default_factory=dict)
    """Topology key to a PromQL query whose series carry `node` and `group` labels: what labels on nodes do not say."""

    # the SENTINEL gateway
    sentinel_endpoint: Endpoint = ""
    """host:port of a SENTINEL gateway; empty for none."""
    sentinel_plaintext: bool = False
    """Speak to it without TLS; a token then travels within this machine only."""
    sentinel_ca_cert: Path | None = None
    """Authority of its certificate (PEM); empty for the public ones."""
    sentinel_client_cert: Path | None = None
    """Our certificate for mutual TLS (PEM), with its key."""
    sentinel_client_key: Path | None = None
    sentinel_token: SecretStr = SecretStr("")
    """Bearer token, where we prove who we are by one."""
    sentinel_ledger_public_key: Path | None = None
    """File with the ledger's key as its operator gave it to you; without it proofs are told to be unpinned."""
    sentinel_record_assessments: bool = True
    """Whether each assessment is recorded in the audit ledger."""
    sentinel_watch: bool = True
    """Whether what happens at the gateway opens incidents; without it the gateway is only asked."""

    # agents on the GPU nodes
    node_agent_address: str = ""
    """host:port with ``{node_ip}`` or ``{node}`` in it, e.g. ``{node_ip}:9102``; empty for none."""
    node_agent_ca_cert: Path | None = None
    """Authority of their certificates (PEM); without it they are spoken to on this machine only."""
    node_agent_client_cert: Path | None = None
    """Our certificate for mutual TLS (PEM), with its key."""
    node_agent_client_key: Path | None = None
    node_agent_server_name: str = ""
    """The name in their certificates, where one certificate serves all nodes."""
    node_agent_token: SecretStr = SecretStr("")
    """Bearer token, where we prove who we are by one."""
    probes: Probes = "light"
    """Which probes may be asked of them; the nodes' own setting bounds it."""
    deep_probe_minutes: Annotated[int, Field(ge=5, le=120)] = 30
    """For all probes of one `run_deep_probe`; comparing with another GPU takes as long again at most."""
    deep_probe_soak_seconds: Annotated[int, Field(ge=0, le=900)] = 120
    """At full load, for each of its two hot probes; an eighth of its minutes at most, 0 for none."""

    # what is watched
    watch_conditions: Annotated[Names, Field(min_length=1)] = tuple(DEFAULT_WATCH_CONDITIONS)
    node_allowlist: Names = ()
    """Globs of node names; empty for all."""
    cooldown_seconds: Annotated[int, Field(ge=0)] = 3600
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 2.0
    """How long new triggers are gathered before incidents are opened for them."""
    burst_seconds: Annotated[int, Field(ge=1)] = 180
    """Silence that ends a burst: what comes later is not folded by the moment alone."""
    recovery_seconds: Annotated[int, Field(ge=0)] = 300
    """How long nothing may be wrong before an incident closes; longer for one that flaps."""
    fold_min_nodes: Annotated[int, Field(ge=2)] = 3
    """Fewest nodes that may be folded into one incident by what they share."""
    fold_min_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Least share of a rack, switch ... that must be affected for it to be the cause (docs/folding.md)."""
    max_concurrent: Annotated[int, Field(ge=1)] = 2

    # what is kept
    database_url: SecretStr = SecretStr("")
    """``postgresql://user:password@host/name`` for several replicas; empty for SQLite in `state_dir`."""
    state_dir: Path | None = None
    """Folder of the SQLite files; empty for `$XDG_STATE_HOME/gcm-sentinel`."""
    retention_days: Annotated[int, Field(ge=1)] = 90
    """How long closed incidents are kept; the history of nodes and parts ends with them."""
    max_evidence_mib: Annotated[int, Field(ge=16)] = 2048
    """Most space for stored evidence and transcripts; the oldest closed incidents lose theirs first."""
    replica_id: str = ""
    """Name of this process among replicas, the pod's name; empty for host name and a random part."""
    drain_seconds: Annotated[int, Field(ge=0)] = 20
    """How long running investigations may go on after the first signal; the rest is resumed at the next start."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of /livez, /readyz and /metrics; 0 for none."""
    otlp_endpoint: Address = ""
    """OpenTelemetry collector (OTLP over HTTP); empty for no traces. Needs the extra `otel`."""

    # what it may do
    action_mode: Mode = Mode.RECOMMEND
    max_actions_per_hour: Annotated[int, Field(ge=0)] = 3
    """In the whole cluster; beyond that a person decides."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Of an assessment that may lead to an action without a person."""
    max_out_of_service: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the GPU nodes that may be out of service, everybody's cordons counted; one node at least."""
    actions: Names = ()
    """Operations that may be done at all; empty for every one."""
    protected_nodes: Names = ()
    """Globs of nodes that are never acted on."""
    protected_labels: Pairs = Field(default_factory=lambda: {"node-role.kubernetes.io/control-plane": "*"})
    """Labels of nodes that are never acted on; the value is a glob."""
    protected_namespaces: Names = ("kube-system", "kube-public", "kube-node-lease")
    """Globs of namespaces whose pods are never restarted."""
    approvers_file: Path | None = None
    """Who may decide about actions over HTTP: lines of ``<SHA-256 of a token> <name>``; empty for nobody."""
    approval_minutes: Annotated[int, Field(ge=1)] = 60
    """How long a person may take to decide about an action."""

    # budgets of one investigation
    max_tool_rounds: Annotated[int, Field(ge=1)] = 25
    max_tool_output: Annotated[int, Field(ge=0)] = 8000
    max_tokens: Annotated[int, Field(ge=0)] = 400_000
    max_seconds: Annotated[int, Field(ge=1)] = 600
    max_cost_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    tool_timeout_seconds: Annotated[int, Field(ge=1)] = 30

    # budgets of all investigations together; 0 for no limit
    budget_usd_per_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    budget_usd_per_day: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    budget_tokens_per_hour: Annotated[int, Field(ge=0)] = 0
    budget_tokens_per_day: Annotated[int, Field(ge=0)] = 0
    budget_critical_reserve: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of each budget that only critical incidents may use."""
    revisit: bool = True
    """Whether the LLM looks again at what the playbook engine answered in its place, when it can."""

    # words
    system_prompt_path: Path = Path("/etc/gcm-sentinel/system-prompt.txt")
    prompts_dir: Path | None = None
    redact_patterns: Patterns = ()
    """Regular expressions whose matches are masked beside the built-in secret patterns."""

    # publishing
    webhook_url: SecretStr = SecretStr("")
    webhook_secret: SecretStr = SecretStr("")
    """Key of the HMAC-SHA256 signature header; none without it."""
    slack_bot_token: SecretStr = SecretStr("")
    """Token of the bot (``xoxb-``) that keeps a thread per incident in `slack_channel`; needs the extra `slack`."""
    slack_channel: str = ""
    """Id of the channel, or its name."""
    slack_app_token: SecretStr = SecretStr("")
    """App-level token (``xapp-``) for Socket Mode: with it the cards have buttons to approve and deny."""
    slack_approvers: Names = ()
    """Ids of the users, or of channels whose members all, may decide there; nobody else may."""
    slack_webhook_url: SecretStr = SecretStr("")
    """Incoming webhook in place of a bot: messages only, without threads and buttons."""
    slack_api_url: Address = "https://slack.com/api/"
    """Of another Slack, such as ``https://slack-gov.com/api/``."""
    pagerduty_routing_key: SecretStr = SecretStr("")
    """Integration key of Events API v2; empty pages nobody."""
    pagerduty_url: Address = "https://events.pagerduty.com/v2/enqueue"
    """Where events are sent; ``https://events.eu.pagerduty.com/v2/enqueue`` for the service region EU."""
    log_level: LogLevel = "INFO"

    @property
    def limits(self) -> Limits:
        """The budget of one investigation."""
        return Limits(
            rounds=self.max_tool_rounds,
            tokens=self.max_tokens,
            wall=timedelta(seconds=self.max_seconds),
            cost_usd=self.max_cost_usd,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over environment over file."""
        given = {name: value for name, value in env_settings().items() if value != "" or name in _EMPTY_IS_AN_ANSWER}
        environment = InitSettingsSource(settings_cls, init_kwargs=given)
        path = os.environ.get(CONFIG_FILE_VARIABLE)
        if not path:
            return (init_settings, environment)
        return (init_settings, environment, YamlConfigSettingsSource(settings_cls, yaml_file=path))


def load(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process.

    Raises:
        BadConfiguration: a value that does not fit, an unknown variable, or a settings file that cannot be read.
    """
    _refuse_unknown_variables()
    _refuse_unreadable_file(os.environ.get(CONFIG_FILE_VARIABLE, ""))
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise BadConfiguration(_one_line(error)) from None
    except ValueError as error:
        raise BadConfiguration(f"the settings cannot be read: {error}") from error


def _refuse_unreadable_file(path: str) -> None:
    """Look at the settings file before the library does, whose errors name neither the file nor what is wrong."""
    if not path:
        return
    try:
        content = yaml.safe_load(Path(path).read_bytes())
    except FileNotFoundError:
        raise BadConfiguration(f"{CONFIG_FILE_VARIABLE}={path!r}: there is no such file") from None
    except OSError as error:
        raise BadConfiguration(f"{CONFIG_FILE_VARIABLE}={path!r} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise BadConfiguration(f"{CONFIG_FILE_VARIABLE}={path!r} is not YAML{place}") from None
    if content is not None and not isinstance(content, dict):
        raise BadConfiguration(f"{CONFIG_FILE_VARIABLE}={path!r}: expected `setting: value` lines")


def _refuse_unknown_variables() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_FILE_VARIABLE}
    for variable, value in sorted(os.environ.items()):
        if variable.startswith(PREFIX) and variable not in known and not _is_service_link(variable, value):
            near = difflib.get_close_matches(variable, known, n=1, cutoff=_ALIKE)
            hint = f"; did you mean {near[0]}?" if near else "; docs/operations.md lists all settings"
            raise BadConfiguration(f"unknown setting {variable}{hint}")


def _is_service_link(variable: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"])) or "settings"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, list(Settings.model_fields), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown setting {name!r}{hint}{more}"
    words = first["msg"].removeprefix("Value error, ")
    hidden = any(word in name for word in ("key", "secret", "webhook")) or name.endswith("token")
    shown = "" if hidden else f" (got {first['input']!r})"
    return f"{PREFIX}{name.upper()}: {words}{shown}{more}"
