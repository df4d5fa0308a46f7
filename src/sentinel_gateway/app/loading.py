"""Reads the settings once, at start: flags over environment over file. Gives plain words for whatever does not fit."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from sentinel_gateway.app.collecting import BadSettings
from sentinel_gateway.app.setting_faults import Setting, faults_of, groups_of_settings, named_in
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.variables import CONFIG_VARIABLE, FOREIGN, given
from sentinel_gateway.domain.errors import BadConfiguration

Groups = dict[str, dict[str, object]]

_ANY = "0.0.0.0:0"  # the settings' own default; only its host is used
_ON = ("true", "1", "yes", "on")
_DECIDING = {"access", "tls"}
"""What the rest must fit to: with one of their keys left out, everything else would be judged by what nobody wants."""
_INTERWOVEN = {"alerting"}
"""Whose keys must fit to each other: without one of them the others say nothing."""


def load(
    environment: Mapping[str, str],
    flags: Groups | None = None,
    file: Path | None = None,
    ports: Mapping[str, int] | None = None,
) -> Settings:
    """The settings of this process; `file` stands in place of the one that ``SENTINEL_CONFIG`` names.

    `ports`, by group, replace the port of what is listened on and leave the host.

    Raises:
        BadSettings: values that do not fit, unknown keys or variables; says all of them.
        BadConfiguration: the file cannot be read.
    """
    path = file or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    read, faults = _grouped(_read(path), path) if path else ({}, [])
    told = given(environment)
    faults += told.faults
    merged: Groups = {}
    told_by: dict[Setting, str] = {}
    for groups, source in ((read, str(path)), (told.groups, ""), (flags or {}, "the command line")):
        for group, keys in groups.items():
            merged[group] = {**merged.get(group, {}), **keys}
            told_by |= {(group, key): source or told.variables[group, key] for key in keys}
    settings, more = _validated(merged, ports or {}, told_by)
    if settings is None or faults:
        raise BadSettings([*faults, *more], settings or _rest(_kept_at_home(merged)))
    return settings


def _validated(
    groups: Groups, ports: Mapping[str, int], told_by: Mapping[Setting, str]
) -> tuple[Settings | None, list[str]]:
    """The settings, or everything that does not fit.

    What the groups must fit to each other is only looked at where each fits by itself, so without the keys that do not.
    """
    try:
        return Settings.model_validate(_with_ports(_kept_at_home(groups), ports)), []
    except ValidationError as error:
        faults = faults_of(error, told_by)
        bad = named_in(error)
    if bad is None or any(group in _DECIDING for group, _ in bad):
        return None, faults
    rest = {group: {key: value for key, value in keys.items() if (group, key) not in bad}
            for group, keys in groups.items()}  # fmt: skip
    try:
        Settings.model_validate(_with_ports(_kept_at_home(rest), ports))
    except ValidationError as error:
        faults += faults_of(error, told_by)
    return None, faults


def _rest(groups: Groups) -> Settings:
    """Whatever fits by itself, beside defaults; whether the groups fit to each other is not looked at."""
    fitting = {name: _group(name, kind, groups.get(name, {})) for name, kind in groups_of_settings().items()}
    return Settings.model_construct(**fitting)  # type: ignore[arg-type]  # each is of its own kind


def _group(name: str, kind: type[BaseModel], keys: dict[str, object]) -> BaseModel:
    try:
        return kind.model_validate(keys)
    except ValidationError as error:
        places = [detail["loc"] for detail in error.errors(include_url=False, include_context=False)]
    bad = {str(place[0]) for place in places if place}
    if name in _INTERWOVEN or not all(places):
        return kind()
    return _group(name, kind, {key: value for key, value in keys.items() if key not in bad})


def _kept_at_home(groups: Groups) -> Groups:
    """Without TLS and tokens, listen on loopback unless an address was given."""
    if str(groups.get("access", {}).get("insecure", "")).lower() not in _ON:
        return groups
    ports = {"grpc": "127.0.0.1:50051", "rest": "127.0.0.1:8080"}
    return {**groups, **{name: {"listen": address, **groups.get(name, {})} for name, address in ports.items()}}


def _with_ports(groups: Groups, ports: Mapping[str, int]) -> Groups:
    hosts = {name: str(groups.get(name, {}).get("listen") or _ANY).rpartition(":")[0] for name in ports}
    changed = {name: {**groups.get(name, {}), "listen": f"{hosts[name]}:{port}"} for name, port in ports.items()}
    return {**groups, **changed}


def _read(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise BadConfiguration(f"settings file {str(path)!r}: there is no such file") from None
    except OSError as error:
        raise BadConfiguration(f"settings file {str(path)!r} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise BadConfiguration(f"settings file {str(path)!r} is not YAML{place}") from None


def _grouped(content: object, path: Path) -> tuple[Groups, list[str]]:
    """The groups of a file, and what is wrong with others."""
    place = f"settings file {str(path)!r}"
    if content is None:
        return {}, []
    if not isinstance(content, dict):
        raise BadConfiguration(f"{place}: expected groups of settings, such as `grpc:`")
    found: Groups = {}
    faults: list[str] = []
    for name, keys in content.items():
        if name not in Settings.model_fields:
            faults.append(f"{place}: {_no_group(name)}")
        elif isinstance(keys, dict | None):
            found[str(name)] = {str(key): value for key, value in (keys or {}).items()}
        else:
            faults.append(f"{place}: expected `key: value` lines under {name!r}")
    return found, faults


def _no_group(name: object) -> str:
    if reason := FOREIGN.get(str(name).upper()):
        return f"{name!r} has no meaning here: {reason}"
    near = difflib.get_close_matches(str(name), list(Settings.model_fields), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; docs/sentinel-gateway.md lists all settings"
    return f"unknown group {name!r}{hint}"
