"""Which settings of a program are secret, as its settings' types say: their paths, ``[]`` for the items of a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args, get_origin

from pydantic import BaseModel, SecretStr


def secret_settings(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """The paths of the fields that are or hold a secret, such as ``alerting.webhooks[].url``."""
    for name, field in model.model_fields.items():
        yield from _secret(field.annotation, f"{above}.{name}".removeprefix("."))


def _secret(kind: object, path: str) -> Iterator[str]:
    if kind is SecretStr:
        yield path
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from secret_settings(kind, path)
    else:
        inside = f"{path}[]" if get_origin(kind) in {tuple, list} else path
        for one in get_args(kind):
            yield from _secret(one, inside)
