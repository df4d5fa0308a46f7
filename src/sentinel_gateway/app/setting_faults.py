"""Words for settings that do not fit: each with its name, its value where that is no secret, what is expected, and from
where it came. All of them together, so that an operator mends a file once and not line by line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from sentinel_gateway.app.settings import Settings

Setting = tuple[str, str]
"""Group and key."""

_SECRETS: frozenset[Setting] = frozenset(
    {
        ("access", "tokens"),  # only digests belong there, but it is where a token lands by mistake
        *(("alerting", key) for key in ("slack", "pagerduty", "email", "webhooks", "proxy_url")),
    }
)
"""Settings with a secret somewhere in them."""
GONE: Mapping[Setting, str] = {
    ("state_machine", "suspect_threshold"): "the score decides nothing any more; see model.suspect_nats",
    (
        "state_machine",
        "suspect_failures",
    ): "evidence took its place; see model.suspect_nats and model.quarantine_bursts",
}
"""Settings of earlier versions, and what took their place."""
_PASSWORD = re.compile(r"//[^/\s@]*@")


def groups_of_settings() -> Mapping[str, type[BaseModel]]:
    """The groups by name."""
    annotations = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in annotations.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def known_settings() -> list[Setting]:
    """Every setting."""
    return [(group, key) for group, model in groups_of_settings().items() for key in model.model_fields]


def faults_of(error: ValidationError, told_by: Mapping[Setting, str]) -> list[str]:
    """Everything that does not fit, in words; `told_by` says which variable, file or option a value came from."""
    return [_words(detail, told_by) for detail in error.errors(include_url=False, include_context=False)]


def named_in(error: ValidationError) -> list[Setting] | None:
    """The settings that do not fit; None where a whole group does not."""
    places = [detail["loc"] for detail in error.errors(include_url=False, include_context=False)]
    return None if any(len(place) < 2 for place in places) else [_setting(place) for place in places]


def _words(detail: ErrorDetails, told_by: Mapping[Setting, str]) -> str:
    name = ".".join(map(str, detail["loc"]))
    if reason := GONE.get(_setting(detail["loc"])):
        return f"{name!r} is no setting any more{_in_brackets(_from(detail, told_by))}: {reason}"
    if detail["type"] == "extra_forbidden":
        return f"unknown setting {name!r}{_in_brackets(_from(detail, told_by))}{_hint(detail['loc'])}"
    expected = detail["msg"].removeprefix("Value error, ")
    return f"{name}: {expected}{_in_brackets(_got(detail), _from(detail, told_by))}" if name else expected


def _setting(place: tuple[int | str, ...]) -> Setting:
    return str(place[0]) if place else "", str(place[1]) if len(place) > 1 else ""


def _in_brackets(*known: str) -> str:
    words = ", ".join(word for word in known if word)
    return f" ({words})" if words else ""


def _from(detail: ErrorDetails, told_by: Mapping[Setting, str]) -> str:
    source = told_by.get(_setting(detail["loc"]))
    return f"from {source}" if source else ""


def _got(detail: ErrorDetails) -> str:
    value = detail["input"]
    if isinstance(value, dict | BaseModel) or _is_secret(_setting(detail["loc"])):
        return ""
    return f"got {_PASSWORD.sub('//***@', repr(value))}"


def _is_secret(setting: Setting) -> bool:
    group = groups_of_settings().get(setting[0])
    field = group.model_fields.get(setting[1]) if group else None
    return setting in _SECRETS or (field is not None and field.annotation is SecretStr)


def _hint(place: tuple[int | str, ...]) -> str:
    group, key = str(place[0]), str(place[-1])
    own = list(groups_of_settings()[group].model_fields) if len(place) == 2 else []
    if near := difflib.get_close_matches(key, own, n=1):
        return f"; did you mean '{group}.{near[0]}'?"
    everywhere = [".".join(one) for one in known_settings()]
    elsewhere = [name for name in everywhere if name.endswith(f".{key}")]
    near = elsewhere or difflib.get_close_matches(f"{group}.{key}", everywhere, n=1)
    return f"; did you mean {near[0]!r}?" if near else "; docs/sentinel-gateway.md lists all settings"
