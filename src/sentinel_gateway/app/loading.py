"""Reads the settings once, at start: flags over environment over file. Gives plain words for whatever does not fit."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.variables import CONFIG_VARIABLE, FOREIGN, given
from sentinel_gateway.domain.errors import BadConfiguration

Groups = dict[str, dict[str, object]]

_ANY = "0.0.0.0:0"  # the settings' own default; only its host is used


def load(
    environment: Mapping[str, str],
    flags: Groups | None = None,
    file: Path | None = None,
    ports: Mapping[str, int] | None = None,
) -> Settings:
    """The settings of this process; `file` stands in place of the one that ``SENTINEL_CONFIG`` names.

    `ports`, by group, replace the port of what is listened on and leave the host.

    Raises:
        BadConfiguration: a value that does not fit, an unknown key or variable, a file that cannot be read.
    """
    path = file or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    merged = _read(path) if path else {}
    for source in (given(environment), flags or {}):
        for group, keys in source.items():
            merged[group] = {**merged.get(group, {}), **keys}
    try:
        return Settings.model_validate(_with_ports(_kept_at_home(merged), ports or {}))
    except ValidationError as error:
        raise BadConfiguration(_one_line(error)) from None


def _kept_at_home(groups: Groups) -> Groups:
    """Without TLS and tokens, listen on loopback unless an address was given."""
    if str(groups.get("access", {}).get("insecure", "")).lower() not in ("true", "1", "yes", "on"):
        return groups
    ports = {"grpc": "127.0.0.1:50051", "rest": "127.0.0.1:8080"}
    return {**groups, **{name: {"listen": address, **groups.get(name, {})} for name, address in ports.items()}}


def _with_ports(groups: Groups, ports: Mapping[str, int]) -> Groups:
    hosts = {name: str(groups.get(name, {}).get("listen") or _ANY).rpartition(":")[0] for name in ports}
    changed = {name: {**groups.get(name, {}), "listen": f"{hosts[name]}:{port}"} for name, port in ports.items()}
    return {**groups, **changed}


def _read(path: Path) -> Groups:
    try:
        content = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise BadConfiguration(f"settings file {str(path)!r}: there is no such file") from None
    except OSError as error:
        raise BadConfiguration(f"settings file {str(path)!r} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise BadConfiguration(f"settings file {str(path)!r} is not YAML{place}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadConfiguration(f"settings file {str(path)!r}: expected groups of settings, such as `grpc:`")
    return {_group(name, path): _keys(name, keys, path) for name, keys in content.items()}


def _group(name: object, path: Path) -> str:
    if name in Settings.model_fields:
        return str(name)
    if reason := FOREIGN.get(str(name).upper()):
        raise BadConfiguration(f"settings file {str(path)!r}: {name!r} has no meaning here: {reason}")
    raise BadConfiguration(f"settings file {str(path)!r}: unknown group {name!r}{_hint(str(name), Settings)}")


def _keys(name: object, keys: object, path: Path) -> dict[str, object]:
    if keys is None:
        return {}
    if not isinstance(keys, dict):
        raise BadConfiguration(f"settings file {str(path)!r}: expected `key: value` lines under {name!r}")
    return {str(key): value for key, value in keys.items()}


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(map(str, first["loc"])) or "settings"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"unknown setting {name!r}{_hint(str(first['loc'][-1]), _group_of(first['loc']))}{more}"
    words = first["msg"].removeprefix("Value error, ")
    return f"{name}: {words}{_shown(name, first['input'])}{more}"


def _shown(name: str, value: object) -> str:
    if isinstance(value, dict | BaseModel) or any(secret in name for secret in ("url", "hmac_key", "tokens")):
        return ""
    return f" (got {value!r})"


def _group_of(place: tuple[int | str, ...]) -> type[BaseModel]:
    field = Settings.model_fields.get(str(place[0]))
    inside = field.annotation if field else None
    return inside if isinstance(inside, type) and issubclass(inside, BaseModel) else Settings


def _hint(name: str, group: type[BaseModel]) -> str:
    near = difflib.get_close_matches(name, list(group.model_fields), n=1)
    return f"; did you mean {near[0]!r}?" if near else "; docs/sentinel-gateway.md lists all settings"
