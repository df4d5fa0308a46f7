"""The configuration for people: as YAML with secrets masked."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import yaml
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from sentinel_gateway.app.settings import Settings
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.storage.connecting import place_of

_MASK = "***"
_SECRET_PARAMETERS = ("user", "password", "sslpassword")
"""Of a PostgreSQL URL: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""


def as_yaml(settings: Settings) -> str:
    """Every setting with its value in force."""
    told: dict[str, dict[str, Any]] = json.loads(settings.model_dump_json())
    url = settings.database.url.get_secret_value()
    told["database"]["url"] = masked(url) if url else ""
    return str(yaml.safe_dump(told, sort_keys=False, allow_unicode=True))


def masked(url: str) -> str:
    """A database URL without user and password; nothing of one that cannot be read."""
    try:
        place_of(url)
        parsed = make_url(url)
    except (BadConfiguration, ArgumentError, ValueError):
        return _MASK
    query = {name: _MASK if name in _SECRET_PARAMETERS else value for name, value in parsed.query.items()}
    parsed = parsed.set(query=query, username=_MASK if parsed.username else None)
    shown = parsed.set(password=_MASK if parsed.password else None).render_as_string(hide_password=False)
    return shown.replace(quote(_MASK), _MASK)
