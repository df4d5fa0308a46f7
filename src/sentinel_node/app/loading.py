"""Reads the settings once, at start: flags over environment over file, and says everything that does not fit at once.

An empty variable counts as not set, because charts set them so, except where "none" is an answer.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from sentinel_node.app.settings import CONFIG_VARIABLE, PREFIX, Settings
from sentinel_node.domain.errors import BadConfiguration

_EMPTY_IS_AN_ANSWER = frozenset({"metrics_listen"})
_SERVICE_LINK = re.compile(
    r"SENTINEL_NODE_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
"""What the kubelet sets in every pod beside a Service whose name begins so.
https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables"""


class BadSettings(BadConfiguration):
    """Settings do not fit; says all that is wrong with them."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


def load(
    environment: Mapping[str, str], flags: Mapping[str, object] | None = None, file: Path | None = None
) -> Settings:
    """The settings of this process; `file` stands in place of the one that ``SENTINEL_NODE_CONFIG`` names.

    Flags that are None count as not given.

    Raises:
        BadSettings: values that do not fit, unknown keys or variables; says all of them.
        BadConfiguration: the file cannot be read.
    """
    path = file or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    given = _read(path) if path else {}
    told_by = dict.fromkeys(given, str(path))
    variables, faults = _variables(environment)
    flagged = {name: value for name, value in (flags or {}).items() if value is not None}
    for values, source in ((variables, PREFIX), (flagged, "the command line")):
        given |= values
        told_by |= {name: source + name.upper() if source == PREFIX else source for name in values}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise BadSettings([*faults, *_faults(error, told_by)]) from None
    if faults:
        raise BadSettings(faults)
    return settings


def _variables(environment: Mapping[str, str]) -> tuple[dict[str, object], list[str]]:
    """What the environment says, and its variables that mean nothing."""
    given: dict[str, object] = {}
    faults = []
    for variable, value in sorted(environment.items()):
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE or _is_service_link(variable, value):
            continue
        if name not in Settings.model_fields:
            faults.append(f"unknown setting {variable}{_hint(name)}")
        elif value or name in _EMPTY_IS_AN_ANSWER:
            given[name] = value
    return given, faults


def _is_service_link(variable: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))


def _read(path: Path) -> dict[str, object]:
    place = f"settings file {str(path)!r}"
    try:
        content = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise BadConfiguration(f"{place}: there is no such file") from None
    except OSError as error:
        raise BadConfiguration(f"{place} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadConfiguration(f"{place} is not YAML{where}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadConfiguration(f"{place}: expected `setting: value` lines")
    return {str(name): value for name, value in content.items()}


def _faults(error: ValidationError, told_by: Mapping[str, str]) -> list[str]:
    faults = []
    for detail in error.errors(include_url=False, include_context=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        source = f" (from {told_by[name]})" if name in told_by else ""
        words = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            faults.append(f"unknown setting {name!r}{source}{_hint(name)}")
        elif name:
            faults.append(f"{name}: {words}, not {detail['input']!r:.200}{source}")
        else:
            faults.extend(words.split("; "))
    return faults


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name, list(Settings.model_fields), n=1)
    return f"; did you mean {near[0]!r}?" if near else "; docs/node.md lists all settings"
