"""Environment variables: ours, those of the reference's documents that mean something here, and those that do not.

Ours are ``SENTINEL_GATEWAY__SECTION__KEY``. The documented names of the correlation engine and the audit ledger are
taken where this gateway has the same thing, so a deployment made from the reference's guide keeps its manifest; what
has no meaning here (ScyllaDB, Redis ...) is refused with the reason, for ignoring it would look as if it worked.
What the kubelet sets beside a Service of that name is none of our business.
https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sentinel_gateway.app.settings import Settings
from sentinel_gateway.domain.errors import BadConfiguration

PREFIX = "SENTINEL_GATEWAY__"
CONFIG_VARIABLE = "SENTINEL_CONFIG"
_ENGINE = "SENTINEL_CORRELATION_ENGINE_"
_LEDGER = "SENTINEL_AUDIT_LEDGER_"
_OURS = ("SENTINEL_GATEWAY_", _ENGINE, _LEDGER)
_SERVICE_LINK = re.compile(
    r"SENTINEL_\w+?_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_ALIKE = 0.85


@dataclass(frozen=True, slots=True)
class Alias:
    """A documented variable and the setting it stands for."""

    setting: tuple[str, str]
    convert: Callable[[str], str] = str


def _approvals(value: str) -> str:
    """The reference knows yes and no: yes makes quarantine and reinstatement wait beside condemn."""
    wanted = value.strip().lower() in ("1", "true", "yes", "on")
    return "quarantine,reinstate,condemn" if wanted else "condemn"


def _client_auth(value: str) -> str:
    return "required" if value.strip().lower() in ("1", "true", "yes", "on") else "none"


def _both(name: str, setting: tuple[str, str], convert: Callable[[str], str] = str) -> dict[str, Alias]:
    return {prefix + name: Alias(setting, convert) for prefix in (_ENGINE, _LEDGER)}


ALIASES: Mapping[str, Alias] = {
    f"{_ENGINE}LISTEN_ADDRESS": Alias(("grpc", "listen")),
    f"{_LEDGER}LISTEN_ADDRESS": Alias(("grpc", "also_listen")),
    f"{_ENGINE}DATABASE_POSTGRES_URL": Alias(("database", "url")),
    f"{_ENGINE}METRICS_LISTEN_ADDRESS": Alias(("metrics", "listen")),
    f"{_ENGINE}BAYESIAN_MODEL_PRIOR_ALPHA": Alias(("bayesian", "prior_alpha")),
    f"{_ENGINE}BAYESIAN_MODEL_PRIOR_BETA": Alias(("bayesian", "prior_beta")),
    f"{_ENGINE}STATE_MACHINE_REQUIRE_APPROVAL": Alias(("state_machine", "require_approval"), _approvals),
    f"{_ENGINE}STATE_MACHINE_HEALTHY_TO_SUSPECT_THRESHOLD": Alias(("state_machine", "suspect_threshold")),
    f"{_ENGINE}STATE_MACHINE_MAX_QUARANTINE_HOURS": Alias(("state_machine", "quarantine_timeout_hours")),
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
    "ALERTING": "the gateway sends no alerts: gcm-sentinel does, or alert on /metrics",
    "AUDIT": "the ledger is part of this gateway and has no endpoint of its own; see the settings under ledger",
    "EVENT_STORE": "there is no event buffer to size; see the settings under queue",
    "TEMPORAL_WINDOW": "this version correlates no events over a window",
    "CORRELATION": "this version correlates no events over a window",
    "TMR": "the gateway takes TMR results but schedules no rounds",
    "TRUST_GRAPH": "trust is counted from TMR results as they come; nothing needs an interval",
    "TRUST": "trust is counted from TMR results as they come; nothing decays",
}
"""What the reference's documents configure and this gateway has not, by the name behind the component."""


def given(environment: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """The settings an environment gives, by group and key; values as text.

    Raises:
        BadConfiguration: a variable that is unknown, means nothing here, or contradicts another.
    """
    found: dict[str, dict[str, object]] = {}
    told_by: dict[tuple[str, str], str] = {}
    for variable, setting, value in _settings(environment):
        group, key = setting
        earlier = told_by.setdefault(setting, variable)
        if earlier != variable and found[group][key] != value:
            raise BadConfiguration(f"{earlier} and {variable} both set {group}.{key}, to different values; unset one")
        found.setdefault(group, {})[key] = value
    return found


def _settings(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str], str]]:
    for variable, value in sorted(environment.items()):
        if alias := ALIASES.get(variable):
            if value:
                yield variable, alias.setting, alias.convert(value)
        elif variable.startswith(PREFIX):
            setting = _ours(variable)
            if value or _may_be_empty(setting):
                yield variable, setting, value
        elif variable.startswith(_OURS) and not _is_service_link(variable, value):
            raise BadConfiguration(_why_not(variable))


def variable_of(group: str, key: str) -> str:
    """The variable of a setting."""
    return f"{PREFIX}{group}__{key}".upper()


def _known() -> dict[str, tuple[str, str]]:
    groups = Settings.model_fields.items()
    return {
        variable_of(group, key): (group, key)
        for group, field in groups
        if field.annotation is not None
        for key in field.annotation.model_fields
    }


def _ours(variable: str) -> tuple[str, str]:
    if setting := _known().get(variable):
        return setting
    raise BadConfiguration(_why_not(variable))


def _may_be_empty(setting: tuple[str, str]) -> bool:
    """Whether an empty variable says "none"; charts set variables to nothing where they mean "as it is"."""
    return setting in {("rest", "listen"), ("state_machine", "require_approval")}


def _is_service_link(variable: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))


def _why_not(variable: str) -> str:
    for prefix in (PREFIX, _ENGINE, _LEDGER):
        bare = variable.removeprefix(prefix)
        for name, reason in FOREIGN.items():
            if bare != variable and (bare == name or bare.startswith(f"{name}_")):
                return f"{variable} has no meaning here: {reason}"
    near = difflib.get_close_matches(variable, [*_known(), *ALIASES], n=1, cutoff=_ALIKE)
    hint = f"; did you mean {near[0]}?" if near else "; docs/sentinel-gateway.md lists all settings"
    return f"unknown setting {variable}{hint}"
