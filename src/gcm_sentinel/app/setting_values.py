"""How the settings that are no plain text or number are written: lists, mappings, patterns. For `settings.py` alone.

What is ambiguous is refused rather than guessed: a pattern cut at its comma would mask nothing and tell nobody.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode


def _names(value: object) -> object:
    """A comma list or a JSON array as a tuple of names."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        return _json(text, "neither a comma list nor a JSON array")
    return [item.strip() for item in text.split(",") if item.strip()]


def _patterns(value: object) -> object:
    """One regular expression, or several in a JSON array: a comma is part of a pattern, so it separates nothing."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        return _json(text, "not a JSON array; write a single pattern that begins with '[' as one, too")
    if "," in text:
        raise ValueError("with a comma it could be one pattern or several; write a JSON array")
    return [text] if text else []


def _mapping(value: object) -> object:
    """``key=value`` pairs in a comma list, or a JSON object."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("{"):
        return _json(text, "neither key=value pairs nor a JSON object")
    pairs = [item.partition("=") for item in text.split(",") if item.strip()]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ValueError("neither key=value pairs nor a JSON object")
    return {name.strip(): entry.strip() for name, _, entry in pairs}


def _json(text: str, otherwise: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{otherwise} ({error})") from error


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _compiles(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        try:
            matches_nothing = re.compile(pattern).search("") is None
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        if not matches_nothing:
            raise ValueError(f"{pattern!r} matches the empty text and would mask everything")
    return patterns


def _reachable(value: str) -> str:
    """An http(s) address with a host, or nothing."""
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("expected an address such as http://host:9090")
    return value


def _host_and_port(value: str) -> str:
    """Where a gRPC server listens, or nothing. A scheme would be taken for a host name that is never found."""
    if value and not re.fullmatch(r"unix:/.+|(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5}", value, re.ASCII):
        raise ValueError("expected host:port such as sentinel-gateway.sentinel:50051, without http://")
    return value


Address = Annotated[str, AfterValidator(_reachable)]
Endpoint = Annotated[str, AfterValidator(_host_and_port)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
Patterns = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_patterns), AfterValidator(_compiles)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
Pairs = Annotated[dict[str, str], NoDecode, BeforeValidator(_mapping)]
Prices = Annotated[dict[str, dict[str, float]], NoDecode, BeforeValidator(_mapping)]
