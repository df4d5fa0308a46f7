"""How single settings are written: addresses, names in lists, files. For `settings.py` alone."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from sentinel_gateway.domain.roles import Role
from sentinel_gateway.domain.settings import Strategy

_PORT = re.compile(r"\d{1,5}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


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
    if not colon or not _PORT.fullmatch(port) or int(port) > 65535:
        raise ValueError("expected host:port, such as 0.0.0.0:50051 or [::1]:0")
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare and bare == host:
        raise ValueError("write an IPv6 address in brackets, such as [::]:50051")
    return Address(bare or "0.0.0.0", int(port))  # noqa: S104  ":50051" means every interface


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
    return [_address(item) for item in items] if isinstance(items, list) else items


def _digest(value: str) -> str:
    text = value.strip().lower()
    if not _SHA256.fullmatch(text):
        raise ValueError("expected the SHA-256 of a token as 64 hex digits; `sentinel-gateway token` makes one")
    return text


def _or_nothing(value: object) -> object:
    return None if value == "" else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


_shown = PlainSerializer(str, return_type=str, when_used="json")

ListenAddress = Annotated[Address, BeforeValidator(_address), _shown]
MaybeAddress = Annotated[
    Address | None,
    BeforeValidator(lambda value: _address(_or_nothing(value))),
    PlainSerializer(lambda value: str(value) if value else "", return_type=str, when_used="json"),
]
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
OptionalPath = Annotated[Path | None, BeforeValidator(_or_nothing)]
FromJson = BeforeValidator(_json)
Sha256 = Annotated[str, AfterValidator(_digest)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
StrategyName = Annotated[Strategy, BeforeValidator(_lower)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
LogFormat = Annotated[Literal["json", "text"], BeforeValidator(_lower)]
