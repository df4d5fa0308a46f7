"""The environment variables that stand in for arguments nobody gave. An empty variable is an unset one."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from sentinel_sdk.errors import invalid
from sentinel_sdk.tls import TlsConfig

DEFAULT_TIMEOUT_S = 30.0
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the environment says."""

    endpoint: str | None = None
    tls_config: TlsConfig | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_retries: int | None = None
    """None: until the deadline."""
    log_level: str | None = None
    token: str | None = field(default=None, repr=False)


def read(environment: Mapping[str, str]) -> Defaults:
    """The defaults in `environment`.

    Raises:
        InvalidArgumentError: a variable cannot be used; names it.
    """
    paths = {
        "ca_cert_path": environment.get("SENTINEL_CA_CERT") or None,
        "client_cert_path": environment.get("SENTINEL_CLIENT_CERT") or None,
        "client_key_path": environment.get("SENTINEL_CLIENT_KEY") or None,
    }
    if bool(paths["client_cert_path"]) != bool(paths["client_key_path"]):
        raise invalid("SENTINEL_CLIENT_CERT and SENTINEL_CLIENT_KEY are needed together; only one is set")
    return Defaults(
        endpoint=environment.get("SENTINEL_ENDPOINT") or None,
        tls_config=TlsConfig(**paths) if any(paths.values()) else None,
        timeout_s=_timeout(environment.get("SENTINEL_TIMEOUT")),
        max_retries=_retries(environment.get("SENTINEL_MAX_RETRIES")),
        log_level=_level(environment.get("SENTINEL_LOG_LEVEL")),
        token=environment.get("SENTINEL_TOKEN") or None,
    )


def apply_log_level(level: str | None) -> None:
    """Set the library's logger; None leaves it to the application."""
    if level is not None:
        logging.getLogger("sentinel_sdk").setLevel(level)


def _timeout(text: str | None) -> float:
    if not text:
        return DEFAULT_TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise invalid(f"SENTINEL_TIMEOUT must be a positive number of seconds, not {text!r}")
    return seconds


def _retries(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise invalid(f"SENTINEL_MAX_RETRIES must be 0 or a positive integer, not {text!r}")
    return int(text)


def _level(text: str | None) -> str | None:
    if not text:
        return None
    if text.upper() not in _LEVELS:
        raise invalid(f"SENTINEL_LOG_LEVEL must be one of {', '.join(_LEVELS)}, not {text!r}")
    return text.upper()
