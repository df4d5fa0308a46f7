"""What a client connects to, and how: the arguments of `connect` and the environment, checked and made one value.

An argument wins over its environment variable as a whole; a `TlsConfig` is not completed from the environment. A bearer
token travels with TLS, or within this machine. Over a plain connection to elsewhere anybody on the way could take it,
so that has to be allowed by name.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import grpc

from sentinel_sdk import environment
from sentinel_sdk.conversion import can_be_sent
from sentinel_sdk.errors import invalid
from sentinel_sdk.retry import RetryConfig
from sentinel_sdk.rpc import Metadata
from sentinel_sdk.tls import Material, TlsConfig

Options = Sequence[tuple[str, Any]]  # gRPC's options are integers and texts, each key of its own kind

_DEFAULT_OPTIONS: Mapping[str, int] = {
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.max_receive_message_length": 64 * 2**20,
    # How often calls are repeated is decided in `retry`. Between its own attempts to connect gRPC fails calls at once
    # with the error of the last one; it must not keep a server that is back hidden from us.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    # How long it waits for one address to answer; its own 20 s leave no time for another attempt.
    "grpc.min_reconnect_backoff_ms": 8_000,
}


@dataclass(frozen=True, slots=True)
class Security:
    """Who we prove to be, and whom we believe."""

    tls_config: TlsConfig | Literal[False] | None = None
    """None leaves it to the environment, False is a plain connection whatever the environment says."""
    token: str | None = None
    allow_insecure_token: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, with everything the channel needs."""

    endpoint: str
    options: tuple[tuple[str, Any], ...]
    metadata: Metadata = field(default=(), repr=False)
    """Sent with every call."""
    tls: Material | None = None
    """None is a plain connection."""
    token: str | None = field(default=None, repr=False)
    """Travels with TLS; without, it stands in the metadata."""

    def credentials(self) -> grpc.ChannelCredentials | None:
        """What a channel is secured with; None for a plain one."""
        if self.tls is None:
            return None
        credentials = self.tls.credentials()
        if self.token is None:
            return credentials
        return grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(self.token))

    def renewed(self) -> Target | None:
        """The same with what the files hold now; None where that is the same.

        Raises:
            InvalidArgumentError: they cannot be used as they are.
        """
        tls = self.tls and self.tls.renewed()
        return replace(self, tls=tls) if tls else None


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a call may take, and how often it is sent again."""

    retry: RetryConfig
    timeout_s: float

    def __post_init__(self) -> None:
        if not _is_time(self.timeout_s):
            raise invalid(f"a timeout must be a positive number of seconds, not {self.timeout_s!r}")
        if not isinstance(self.retry, RetryConfig):
            raise invalid(f"retry_config must be a RetryConfig, not {self.retry!r:.100}")


def resolve(
    endpoint: str | None, security: Security, options: Options | None, defaults: environment.Defaults
) -> Target:
    """The target of these arguments.

    Raises:
        InvalidArgumentError: there is no endpoint, a file cannot be used, or a token would travel in the open.
    """
    address = _checked(endpoint or defaults.endpoint)
    tls = defaults.tls_config if security.tls_config is None else security.tls_config
    if tls and not isinstance(tls, TlsConfig):
        raise invalid(f"tls_config must be a TlsConfig or False, not {tls!r:.100}")
    token = security.token or defaults.token
    if token and not isinstance(token, str):
        raise invalid(f"a token is a text, not a {type(token).__name__}")
    merged = tuple({**_DEFAULT_OPTIONS, **dict(options or ())}.items())
    if token and not can_be_sent(token):
        raise invalid("the token has characters that cannot be sent, a line break at its end perhaps")
    if tls:
        return Target(address, merged, tls=tls.material(), token=token)
    if token and not (security.allow_insecure_token or is_loopback(address)):
        raise invalid(
            f"a token would be sent to {address!r} unencrypted: give a tls_config, or allow_insecure_token=True"
        )
    return Target(address, merged, (("authorization", f"Bearer {token}"),) if token else ())


def policy(retry: RetryConfig | None, timeout_s: float | None, defaults: environment.Defaults) -> Policy:
    """The policy of these arguments."""
    chosen = RetryConfig(max_retries=defaults.max_retries) if retry is None else retry
    return Policy(chosen, defaults.timeout_s if timeout_s is None else timeout_s)


def is_loopback(endpoint: str) -> bool:
    """Whether the endpoint can only be on this machine."""
    address = re.sub(r"^(?:dns|ipv4|ipv6):(?:///)?", "", endpoint)
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = re.sub(r":\d+$", "", address).strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_time(seconds: object) -> bool:
    return isinstance(seconds, int | float) and 0 < seconds < math.inf


def _checked(endpoint: str | None) -> str:
    if not endpoint:
        raise invalid("there is no endpoint: give host:port, or set SENTINEL_ENDPOINT")
    if not isinstance(endpoint, str):
        raise invalid(f"an endpoint is a text, host:port, not {endpoint!r:.100}")
    if endpoint.startswith(("http://", "https://")):
        raise invalid(f"an endpoint is host:port without a scheme, not {endpoint!r}; a tls_config asks for TLS")
    return endpoint
