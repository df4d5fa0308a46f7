"""How single settings are written: addresses, names in lists, files. For `settings.py` alone."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from sentinel_gateway.domain.roles import Role
from sentinel_gateway.domain.settings import Strategy
from sentinel_serving.setting_values import Address, address, lower

_SHA256 = re.compile(r"[0-9a-f]{64}")


def _list(value: object) -> object:
    """A comma list or a JSON array."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f"neither a comma list nor a JSON array ({error})") from error
    return [item.strip() for item in text.split(",") if item.strip()]


def _json(value: object) -> object:
    """A JSON array, where the environment gives text."""
    if not isinstance(value, str) or not value.strip():
        return value or ()
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"not a JSON array ({error})") from error


def _addresses(value: object) -> object:
    items = _list(value)
    return [address(item) for item in items] if isinstance(items, list) else items


def _digest(value: str) -> str:
    text = value.strip().lower()
    if not _SHA256.fullmatch(text):
        raise ValueError("expected the SHA-256 of a token as 64 hex digits; `sentinel-gateway token` makes one")
    return text


Addresses = Annotated[
    tuple[Address, ...],
    BeforeValidator(_addresses),
    PlainSerializer(lambda value: [str(item) for item in value], return_type=list[str], when_used="json"),
]
Roles = Annotated[
    frozenset[Role],
    BeforeValidator(_list),
    PlainSerializer(sorted, return_type=list[str], when_used="json"),
]
Actions = Annotated[
    tuple[Literal["quarantine", "reinstate", "condemn", "schedule_deep_test"], ...], BeforeValidator(_list)
]
FromJson = BeforeValidator(_json)
Sha256 = Annotated[str, AfterValidator(_digest)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
StrategyName = Annotated[Strategy, BeforeValidator(lower)]
