"""How single settings are written that only this agent has: roles, what may run. For `settings.py` alone."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BeforeValidator, Field

from sentinel_node.domain.access import Role
from sentinel_node.domain.permission import Allowed
from sentinel_serving.setting_values import lower


def _permission(value: object) -> object:
    """YAML reads a bare `off` as false, which is what whoever wrote it means."""
    return "off" if value is False else lower(value)


def _roles(value: object) -> object:
    """Names and their roles: a mapping, as JSON where it is text; roles as a comma list or an array."""
    if isinstance(value, str):
        if not value.strip():
            return {}
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f'expected JSON such as {{"agent": ["reader", "prober"]}} ({error})') from error
    if not isinstance(value, dict):
        return value
    return {name: _list(roles) for name, roles in value.items()}


def _list(value: object) -> object:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


RolesByName = Annotated[dict[str, Annotated[frozenset[Role], Field(min_length=1)]], BeforeValidator(_roles)]
Permission = Annotated[Allowed, BeforeValidator(_permission)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
