"""Every setting can be given by its variable, is read somewhere, and stands in the documentation."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sentinel_gateway
from sentinel_gateway.app.core_settings import core_settings
from sentinel_gateway.app.loading import load
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.settings_alerting import alert_settings
from sentinel_gateway.app.variables import ALIASES, variable_of

SOURCE = Path(sentinel_gateway.__file__).parent
DOCUMENT = SOURCE.parents[1] / "docs" / "sentinel-gateway.md"
SETTINGS = [(group, key) for group, keys in Settings.model_construct().model_dump().items() for key in keys]
OTHER = {
    ("grpc", "listen"): "127.0.0.1:1",
    ("grpc", "also_listen"): "127.0.0.1:2",
    ("grpc", "token_listen"): "127.0.0.1:3",
    ("rest", "listen"): "127.0.0.1:4",
    ("metrics", "listen"): "127.0.0.1:5",
    ("tls", "require_client_auth"): "none",
    ("access", "anonymous_roles"): "viewer",
    ("access", "certificates"): '[{"name": "a", "roles": ["viewer"]}]',
    ("access", "tokens"): '[{"name": "a", "sha256": "%s", "roles": ["viewer"]}]' % ("0" * 64),
    ("probes", "record_passes"): "full",
    ("model", "healthy_failure_rate"): "1e-9",
    ("model", "guard_share"): "0.5",
    ("model", "wide_share"): "0.5",
    ("model", "prior_defective"): "0.5",
    ("model", "probe_doubt"): "0.5",
    ("model", "automatic_share"): "0.2",
    ("state_machine", "require_approval"): "quarantine",
    ("tmr", "strategy"): "random",
    ("alerting", "rules"): '{"probe_timeout": {"enabled": false}}',
    ("alerting", "slack"): '{"webhook_url": "https://slack.example/x"}',
    ("alerting", "pagerduty"): '{"routing_key": "0123456789abcdef0123456789abcdef"}',
    ("alerting", "email"): '{"host": "h", "sender": "a@b.example", "recipients": ["c@d.example"]}',
    ("alerting", "webhooks"): '[{"name": "a", "url": "https://a.example"}]',
    ("alerting", "min_confidence"): "0.5",
    ("log", "level"): "debug",
    ("log", "format"): "text",
}
"""Values for those that are neither number, path, text nor switch, or that have an upper bound."""
JUDGING = [one for one in SETTINGS if one[0] in ("bayesian", "model", "state_machine", "tmr", "alerting", "queue")]


def _other_value(group: str, key: str) -> str:
    if (group, key) in OTHER:
        return OTHER[group, key]
    default = getattr(getattr(Settings.model_construct(), group), key)
    if isinstance(default, bool) or default is None:
        return str(not default).lower() if isinstance(default, bool) or key == "enabled" else "/some/path"
    return str(default + 1) if isinstance(default, int | float) else "something"


@pytest.mark.parametrize(("group", "key"), SETTINGS, ids=".".join)
def test_it_can_be_given_by_its_variable(group, key):
    certificate = {"SENTINEL_GATEWAY__TLS__CERT_FILE": "/c", "SENTINEL_GATEWAY__TLS__KEY_FILE": "/k"}
    of_tls = group == "tls" or key == "token_listen"
    tls = {**certificate, "SENTINEL_GATEWAY__TLS__CA_FILE": "/a"} if of_tls else {}
    plain = {} if of_tls or key == "insecure" else {"SENTINEL_GATEWAY__TLS__ENABLED": "false"}
    before = load({**tls, **plain}) if key != "insecure" else Settings.model_construct()

    after = load({**tls, **plain, variable_of(group, key): _other_value(group, key)})

    assert getattr(getattr(after, group), key) != getattr(getattr(before, group), key)


@pytest.mark.parametrize(("group", "key"), JUDGING, ids=".".join)
def test_it_changes_what_core_or_alerting_are_told(group, key):
    told = []
    for variables in ({}, {variable_of(group, key): _other_value(group, key)}):
        settings = load({"SENTINEL_GATEWAY__TLS__ENABLED": "false", **variables})
        told.append((core_settings(settings), alert_settings(settings.alerting)))

    assert told[0] != told[1]


def test_each_is_read_somewhere():
    read = {
        node.attr
        for path in SOURCE.rglob("*.py")
        for part in _reading(path)
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute)
    }
    whole_groups = {("bayesian", key) for group, key in SETTINGS if group == "bayesian"}
    within_settings = {("tls", "enabled"), ("access", "insecure_beyond_loopback")}

    assert [one for one in SETTINGS if one[1] not in read and one not in whole_groups | within_settings] == []


def _reading(path: Path) -> list[ast.stmt]:
    """What reads settings; a group that looks at its own keys does not count."""
    parts = ast.parse(path.read_text()).body
    is_group = path.name.startswith("settings") and path.parent.name == "app"
    return [part for part in parts if not (is_group and isinstance(part, ast.ClassDef))]


def test_each_stands_in_the_documentation_with_its_default():
    section = DOCUMENT.read_text().partition("## Settings")[2].partition("###")[0]
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `?([^|`]*)`? *\|", section, re.MULTILINE))
    defaults = Settings.model_construct().model_dump(mode="json")

    assert {name: text.strip() for name, text in rows.items()} == {
        f"{group}.{key}": _shown(default) for group, keys in defaults.items() for key, default in keys.items()
    }


def _shown(default: object) -> str:
    if isinstance(default, dict):
        return ""
    if isinstance(default, list):
        return ", ".join(map(str, default))
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str("" if default is None else default)


def test_every_documented_variable_of_the_reference_stands_in_the_documentation():
    text = DOCUMENT.read_text()

    assert [name for name in ALIASES if f"`{name}`" not in text] == []
