"""How single settings are written: addresses, roles, files, lists. For `settings.py` alone."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from sentinel_node.domain.access import Role
from sentinel_node.domain.permission import Allowed

_PORT = re.compile(r"\d{1,5}")
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, colon, port = value.strip().rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
        raise ValueError("expected host:port, such as 0.0.0.0:9102 or [::1]:0")
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare and bare == host:
        raise ValueError("write an IPv6 address in brackets, such as [::]:9102")
    return Address(bare or "0.0.0.0", int(port))  # noqa: S104  ":9102" means every interface


def _or_nothing(value: object) -> object:
    return None if value == "" else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _permission(value: object) -> object:
    """YAML reads a bare `off` as false, which is what whoever wrote it means."""
    return "off" if value is False else _lower(value)


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


_shown = PlainSerializer(str, return_type=str, when_used="json")

ListenAddress = Annotated[Address, BeforeValidator(_address), _shown]
MaybeAddress = Annotated[
    Address | None,
    BeforeValidator(lambda value: _address(_or_nothing(value))),
    PlainSerializer(lambda value: str(value) if value else "", return_type=str, when_used="json"),
]
RolesByName = Annotated[dict[str, Annotated[frozenset[Role], Field(min_length=1)]], BeforeValidator(_roles)]
OptionalPath = Annotated[Path | None, BeforeValidator(_or_nothing)]
Permission = Annotated[Allowed, BeforeValidator(_permission)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
LogFormat = Annotated[Literal["json", "text"], BeforeValidator(_lower)]
