"""Every setting can be given by its variable, is read somewhere, and stands in the documentation."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sentinel_gateway
from sentinel_gateway.app.loading import load
from sentinel_gateway.app.settings import Settings
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
    ("state_machine", "suspect_threshold"): "0.5",
    ("state_machine", "require_approval"): "quarantine",
    ("log", "level"): "debug",
    ("log", "format"): "text",
}
"""Values for those that are neither number, path, text nor switch."""


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
    tls = {**certificate, "SENTINEL_GATEWAY__TLS__CA_FILE": "/a"} if group == "tls" else {}
    plain = {} if group == "tls" or key == "insecure" else {"SENTINEL_GATEWAY__TLS__ENABLED": "false"}
    before = load({**tls, **plain}) if key != "insecure" else Settings.model_construct()

    after = load({**tls, **plain, variable_of(group, key): _other_value(group, key)})

    assert getattr(getattr(after, group), key) != getattr(getattr(before, group), key)


def test_each_is_read_somewhere():
    read = {
        node.attr
        for path in SOURCE.rglob("*.py")
        if not (path.name.startswith("settings") and path.parent.name == "app")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    whole_groups = {("bayesian", key) for group, key in SETTINGS if group == "bayesian"}
    within_settings = {("tls", "enabled"), ("access", "insecure_beyond_loopback")}

    assert [one for one in SETTINGS if one[1] not in read and one not in whole_groups | within_settings] == []


def test_each_stands_in_the_documentation_with_its_default():
    section = DOCUMENT.read_text().partition("## Settings")[2].partition("###")[0]
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `?([^|`]*)`? *\|", section, re.MULTILINE))
    defaults = Settings.model_construct().model_dump(mode="json")

    assert {name: text.strip() for name, text in rows.items()} == {
        f"{group}.{key}": _shown(default) for group, keys in defaults.items() for key, default in keys.items()
    }


def _shown(default: object) -> str:
    if isinstance(default, list):
        return ", ".join(map(str, default))
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str("" if default is None else default)


def test_every_documented_variable_of_the_reference_stands_in_the_documentation():
    text = DOCUMENT.read_text()

    assert [name for name in ALIASES if f"`{name}`" not in text] == []
