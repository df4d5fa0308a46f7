"""How single settings are written that every server has: addresses, files, the log."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer

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


def address(value: object) -> object:
    """An address from its text; what is no text is left to pydantic.

    Raises:
        ValueError: it is no address.
    """
    if not isinstance(value, str):
        return value
    host, colon, port = value.strip().rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
        raise ValueError("expected host:port, such as 0.0.0.0:8080 or [::1]:0")
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare and bare == host:
        raise ValueError("write an IPv6 address in brackets, such as [::]:8080")
    return Address(bare or "0.0.0.0", int(port))  # noqa: S104  ":8080" means every interface


def or_nothing(value: object) -> object:
    """None for empty text, as charts write what is not set."""
    return None if value == "" else value


def lower(value: object) -> object:
    """A word without regard to its case."""
    return value.strip().lower() if isinstance(value, str) else value


_shown = PlainSerializer(str, return_type=str, when_used="json")

ListenAddress = Annotated[Address, BeforeValidator(address), _shown]
MaybeAddress = Annotated[
    Address | None,
    BeforeValidator(lambda value: address(or_nothing(value))),
    PlainSerializer(lambda value: str(value) if value else "", return_type=str, when_used="json"),
]
OptionalPath = Annotated[Path | None, BeforeValidator(or_nothing)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)]
LogFormat = Annotated[Literal["json", "text"], BeforeValidator(lower)]
