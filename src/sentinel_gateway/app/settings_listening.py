"""Where the gateway listens, how much it lets clients do at once, and with which certificates."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sentinel_gateway.app.setting_values import Addresses, Seconds
from sentinel_gateway.app.settings_group import MIB, Group
from sentinel_serving.setting_values import Address, ListenAddress, MaybeAddress, OptionalPath

_ANY = "0.0.0.0"  # noqa: S104  agents and probes come from other machines; `access.insecure` narrows it to loopback


class Grpc(Group):
    """The port that answers gRPC."""

    listen: ListenAddress = Address(_ANY, 50051)
    """Where clients connect; 127.0.0.1 with `access.insecure`."""
    also_listen: Addresses = ()
    """More addresses for the same services, such as the 50052 that clients of an audit ledger use."""
    token_listen: Addresses = ()
    """Addresses with TLS that ask for no client certificate: for callers with tokens, where the others require one."""
    max_receive_bytes: Annotated[int, Field(ge=4096, le=1024 * MIB)] = 16 * MIB
    """Largest message taken."""
    max_connections: Annotated[int, Field(ge=1)] = 20_000
    """Open connections of each address; one more is closed at once."""
    max_calls: Annotated[int, Field(ge=1)] = 20_000
    """Calls and streams under way at once, of all connections together; one more is RESOURCE_EXHAUSTED."""
    max_streams_per_peer: Annotated[int, Field(ge=0)] = 5000
    """Streams of one IP address; 0 for no bound, where a proxy or NAT stands before all clients."""
    max_concurrent_streams: Annotated[int, Field(ge=1)] = 1000
    """Per connection; a client holds back what is above it."""
    min_ping_interval_seconds: Annotated[Seconds, Field(gt=0)] = 10
    """Clients that ping more often are told to calm down; clients of the reference ping every 30 s."""
    unary_timeout_seconds: Annotated[Seconds, Field(gt=0)] = 30
    """Longest a call with one answer may take, whatever deadline its caller set."""
    grace_seconds: Seconds = 10
    """How long running calls may go on after the first signal."""


class Rest(Group):
    """The read API and the probes for Kubernetes."""

    listen: MaybeAddress = Address(_ANY, 8080)
    """Empty for none."""


class Metrics(Group):
    """Prometheus metrics; they also stand on the REST port."""

    listen: MaybeAddress = None
    """A second address for /metrics alone, without TLS; empty for none."""
    per_gpu: bool = True
    """Also five series for each GPU, of the worst 10,000: score, state, overhead, failed probes, anomalies."""


class Tls(Group):
    """Certificates; read again when the files change."""

    enabled: bool | None = None
    """Unset: as soon as `cert_file` is set. False without `access.insecure`: plain text, tokens still decide."""
    cert_file: OptionalPath = None
    """The server's certificate with its chain, PEM."""
    key_file: OptionalPath = None
    """Its private key, PEM."""
    ca_file: OptionalPath = None
    """Authorities whose client certificates count."""
    require_client_auth: Literal["required", "none"] = "required"
    """Whether every gRPC client must show a certificate."""
    reload_seconds: Annotated[Seconds, Field(gt=0)] = 5
    """How often the files are looked at."""

    @property
    def on(self) -> bool:
        """Whether TLS is used."""
        return self.cert_file is not None if self.enabled is None else self.enabled

    @model_validator(mode="before")
    @classmethod
    def _explain_optional(cls, value: object) -> object:
        if isinstance(value, dict) and str(value.get("require_client_auth", "")).lower() == "optional":
            raise ValueError(
                "require_client_auth: gRPC's Python server cannot ask for a certificate without requiring it; keep"
                " 'required' and give callers with tokens an address of their own in grpc.token_listen"
            )
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = []
        if self.on and not (self.cert_file and self.key_file):
            missing.append("cert_file and key_file are both needed for TLS")
        if self.on and self.require_client_auth == "required" and not self.ca_file:
            missing.append("ca_file is needed to check client certificates; or set require_client_auth to 'none'")
        if missing:
            raise ValueError("; and ".join(missing))
        return self
