"""The configuration for people: as YAML with secrets masked, and whether it could be used."""

from __future__ import annotations

import json

import yaml

from sentinel_gateway.app.core_settings import core_settings, keys_of
from sentinel_gateway.app.setting_faults import reading_all
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.tokens import Rules
from sentinel_gateway.app.transport import certificates_of, listeners_of


def as_yaml(settings: Settings) -> str:
    """Every setting with its value in force."""
    return str(yaml.safe_dump(json.loads(settings.model_dump_json()), sort_keys=False, allow_unicode=True))


def check(settings: Settings) -> None:
    """Read everything that settings point at.

    Raises:
        BadSettings: something cannot be used; says all of it.
    """
    reading_all(
        (
            lambda: core_settings(settings),
            lambda: keys_of(settings),
            lambda: Rules(settings.access),
            lambda: listeners_of(settings, certificates_of(settings)),
        )
    )
