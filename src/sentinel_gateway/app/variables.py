"""Environment variables: ours, those of the reference's documents that mean something here, and those that do not.

Ours are ``SENTINEL_GATEWAY__SECTION__KEY``. The documented names of the correlation engine and the audit ledger are
taken where this gateway has the same thing, so a deployment made from the reference's guide keeps its manifest; what
has no meaning here (ScyllaDB, Redis ...) is refused with the reason, for ignoring it would look as if it worked. So is
every other ``SENTINEL_`` variable, for most of them are slips of the pen, except those of programs that are no business
of ours: the client library, the reference's agents and monitors, and the kubelet's beside a Service of that name.
https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sentinel_gateway.app.setting_faults import GONE, Setting, known_settings

PREFIX = "SENTINEL_GATEWAY__"
CONFIG_VARIABLE = "SENTINEL_CONFIG"
_ENGINE = "SENTINEL_CORRELATION_ENGINE_"
_LEDGER = "SENTINEL_AUDIT_LEDGER_"
_ALL = "SENTINEL_"
_SERVICE_LINK = re.compile(
    r"SENTINEL_(?:\w+?_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_ALIKE = 0.85
_MAY_BE_EMPTY = {("rest", "listen"), ("state_machine", "require_approval")}
"""Where nothing means "none"; charts set variables to nothing where they mean "as it is"."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A documented variable and the setting it stands for."""

    setting: Setting
    convert: Callable[[str], str] = str


def _approvals(value: str) -> str:
    """The reference knows yes and no: yes makes quarantine and reinstatement wait beside condemn."""
    wanted = value.strip().lower() in ("1", "true", "yes", "on")
    return "quarantine,reinstate,condemn" if wanted else "condemn"


def _client_auth(value: str) -> str:
    return "required" if value.strip().lower() in ("1", "true", "yes", "on") else "none"


def _seconds(value: str) -> str:
    """Of milliseconds; what is no number stays, and is refused by its own name."""
    try:
        return str(float(value) / 1000)
    except ValueError:
        return value


def _both(name: str, setting: Setting, convert: Callable[[str], str] = str) -> dict[str, Alias]:
    return {prefix + name: Alias(setting, convert) for prefix in (_ENGINE, _LEDGER)}


ALIASES: Mapping[str, Alias] = {
    f"{_ENGINE}LISTEN_ADDRESS": Alias(("grpc", "listen")),
    f"{_LEDGER}LISTEN_ADDRESS": Alias(("grpc", "also_listen")),
    f"{_ENGINE}DATABASE_POSTGRES_URL": Alias(("database", "url")),
    f"{_ENGINE}METRICS_LISTEN_ADDRESS": Alias(("metrics", "listen")),
    f"{_ENGINE}BAYESIAN_MODEL_PRIOR_ALPHA": Alias(("bayesian", "prior_alpha")),
    f"{_ENGINE}BAYESIAN_MODEL_PRIOR_BETA": Alias(("bayesian", "prior_beta")),
    f"{_ENGINE}STATE_MACHINE_REQUIRE_APPROVAL": Alias(("state_machine", "require_approval"), _approvals),
    f"{_ENGINE}STATE_MACHINE_MAX_QUARANTINE_HOURS": Alias(("state_machine", "max_quarantine_hours")),
    f"{_ENGINE}STATE_MACHINE_IMMEDIATE_QUARANTINE_FAILURES": Alias(("model", "quarantine_bursts")),
    f"{_ENGINE}STATE_MACHINE_REINSTATEMENT_PASS_COUNT": Alias(("model", "clear_passes")),
    f"{_ENGINE}TMR_INTERVAL_SECONDS": Alias(("tmr", "interval_seconds")),
    f"{_ENGINE}TMR_TIMEOUT_MS": Alias(("tmr", "timeout_seconds"), _seconds),
    f"{_ENGINE}TMR_SELECTION_STRATEGY": Alias(("tmr", "strategy")),
    **_both("TLS_ENABLED", ("tls", "enabled")),
    **_both("TLS_CERT_FILE", ("tls", "cert_file")),
    **_both("TLS_KEY_FILE", ("tls", "key_file")),
    **_both("TLS_CA_FILE", ("tls", "ca_file")),
    **_both("TLS_MUTUAL_TLS", ("tls", "require_client_auth"), _client_auth),
    "SENTINEL_TLS_SERVER_CERT": Alias(("tls", "cert_file")),
    "SENTINEL_TLS_SERVER_KEY": Alias(("tls", "key_file")),
    "SENTINEL_TLS_CA_CERT": Alias(("tls", "ca_file")),
    "SENTINEL_TESTING_ENABLED": Alias(("testing", "enabled")),
    "SENTINEL_LOG_LEVEL": Alias(("log", "level")),
    "SENTINEL_LOG_FORMAT": Alias(("log", "format")),
}
"""The documented variables that mean something here."""

FOREIGN: Mapping[str, str] = {
    "SCYLLA": "there is no ScyllaDB here: everything is kept in the one database of database.url",
    "STORAGE": "there is no second store here: everything is kept in the one database of database.url",
    "REDIS": "there is no Redis here: state is kept in the one database of database.url and in memory",
    "ALERTING": "alerts are set by SENTINEL_GATEWAY__ALERTING__...; see docs/sentinel-alerts.md",
    "AUDIT": "the ledger is part of this gateway and has no endpoint of its own; see the settings under ledger",
    "EVENT_STORE": "there is no event buffer to size; see the settings under queue",
    "TEMPORAL_WINDOW": "patterns are looked for over 300 s, as documented, which is no setting",
    "CORRELATION": "the window of 300 s is no setting; alerting.min_confidence says which patterns are told",
    "STATE_MACHINE_HEALTHY_TO_SUSPECT_THRESHOLD": "the score decides nothing any more; see model.suspect_nats",
    "STATE_MACHINE_SUSPECT_TO_QUARANTINE_THRESHOLD": "the score decides nothing any more; see model.quarantine_nats",
    "STATE_MACHINE_QUARANTINE_TO_HEALTHY_THRESHOLD": "a deep test decides; see model.deep_test_automatic",
    "TRUST_GRAPH": "trust is counted from TMR results as they come; nothing needs an interval",
    "TRUST": "trust decays by 0.999 an hour, as documented, which is no setting",
}
"""What the reference's documents configure and this gateway has not, by the name behind the component."""


CLIENT_VARIABLES = frozenset(
    f"SENTINEL_{name}"
    for name in ("ENDPOINT", "TOKEN", "CA_CERT", "CLIENT_CERT", "CLIENT_KEY", "TIMEOUT", "MAX_RETRIES")
)
"""Of the client library; `sentinel-gateway directives` reads them, the server does not."""

_OTHERS = ("SENTINEL_PROBE_AGENT_", "SENTINEL_INFERENCE_MONITOR_", "SENTINEL_TRAINING_MONITOR_")
_OTHERS_OWN = frozenset(f"SENTINEL_{name}" for name in ("GRPC_ENDPOINT", "SAMPLE_RATE", "NODE_ID", "GPU_ID"))


@dataclass(frozen=True, slots=True)
class Given:
    """What an environment says."""

    groups: dict[str, dict[str, object]] = field(default_factory=dict)
    """Values as text, by group and key."""
    variables: dict[Setting, str] = field(default_factory=dict)
    """Which variable told a setting."""
    faults: list[str] = field(default_factory=list)
    """Variables that are unknown, mean nothing here, or contradict another."""


def given(environment: Mapping[str, str]) -> Given:
    """The settings an environment gives, and what is wrong with it."""
    told = Given()
    for variable, value in sorted(environment.items()):
        if alias := ALIASES.get(variable):
            if value:
                _take(told, variable, alias.setting, alias.convert(value))
        elif setting := _known().get(variable):
            if value or setting in _MAY_BE_EMPTY:
                _take(told, variable, setting, value)
        elif variable.startswith(_ALL) and not _is_of_others(variable, value):
            told.faults.append(_why_not(variable))
    return told


def _take(told: Given, variable: str, setting: Setting, value: str) -> None:
    group, key = setting
    earlier = told.variables.setdefault(setting, variable)
    if earlier != variable and told.groups[group][key] != value:
        told.faults.append(f"{earlier} and {variable} both set {group}.{key}, to different values; unset one")
    told.groups.setdefault(group, {})[key] = value


def variable_of(group: str, key: str) -> str:
    """The variable of a setting."""
    return f"{PREFIX}{group}__{key}".upper()


def _known() -> dict[str, Setting]:
    return {variable_of(*setting): setting for setting in known_settings()}


def _is_of_others(variable: str, value: str) -> bool:
    """Whether a variable is for another program, or set by the kubelet."""
    if variable == CONFIG_VARIABLE or variable in CLIENT_VARIABLES | _OTHERS_OWN or variable.startswith(_OTHERS):
        return True
    return bool(_SERVICE_LINK.fullmatch(variable)) or (
        variable.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))
    )


def _why_not(variable: str) -> str:
    for setting, reason in GONE.items():
        if variable == variable_of(*setting):
            return f"{variable} is no setting any more: {reason}"
    for prefix in (PREFIX, _ENGINE, _LEDGER):
        bare = variable.removeprefix(prefix)
        for name, reason in FOREIGN.items():
            if bare != variable and (bare == name or bare.startswith(f"{name}_")):
                return f"{variable} has no meaning here: {reason}"
    return f"unknown setting {variable}{_hint(variable)}"


def _hint(variable: str) -> str:
    near = difflib.get_close_matches(variable, [*_known(), *ALIASES, *CLIENT_VARIABLES], n=1, cutoff=_ALIKE)
    if near:
        return f"; did you mean {near[0]}?"
    component = variable.removeprefix(_ALL).strip("_").partition("_")[0]
    if difflib.get_close_matches(component, ["GATEWAY"], cutoff=_ALIKE):
        return f"; did you mean {PREFIX}<GROUP>__<KEY>? docs/sentinel-gateway.md lists all settings"
    return "; docs/sentinel-gateway.md lists all settings"
