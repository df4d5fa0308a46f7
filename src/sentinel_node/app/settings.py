"""Every setting of the node agent: one flat tree; what is unknown is an error. `loading.py` reads it.

Each has the variable of its name in capitals behind ``SENTINEL_NODE_``, and stands in `docs/node.md`, which a test
compares. Out of the box it listens on loopback only, without TLS, and runs light probes only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinel_node.app.setting_values import Permission, RolesByName, Seconds
from sentinel_node.app.settings_sending import ScheduleSetting, ScheduleValue
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.schedule import DEFAULT_BUDGET_PCT
from sentinel_serving.setting_values import (
    Address,
    ListenAddress,
    LogFormat,
    LogLevel,
    MaybeAddress,
    OptionalPath,
)

PREFIX = "SENTINEL_NODE_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"


class Settings(BaseModel):
    """All of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    node_name: str = ""
    """How this node calls itself, as Kubernetes does; empty for the host's name."""
    listen: ListenAddress = Address("127.0.0.1", 9102)
    """Where the on-demand service answers; beyond loopback it needs TLS."""
    metrics_listen: MaybeAddress = Address("127.0.0.1", 9101)
    """Where Prometheus and the kubelet ask: `/metrics`, `/livez`, `/readyz`, plain text; empty for none."""

    tls_cert_file: OptionalPath = None
    """The service's certificate with its chain, PEM; read again when it changes, as the next two."""
    tls_key_file: OptionalPath = None
    """Its private key, PEM."""
    tls_ca_file: OptionalPath = None
    """Authority whose client certificates count; with it every caller must show one."""
    certificate_roles: RolesByName = {}
    """Roles by name in a client certificate (common name, DNS name or URI; exact or with `*`, `?`)."""
    tokens_file: OptionalPath = None
    """Bearer tokens, one a line: SHA-256, roles, name. `sentinel-node token` makes one. Read again when it changes."""

    probes: Permission = Allowed.LIGHT
    """Which probes may run at all, scheduled ones included: `off`, `light` or `deep`."""
    probe_deadline_seconds: Seconds = 60
    """For a probe whose caller names no deadline."""
    probe_deadline_longest_seconds: Seconds = 3600
    """The longest that a caller may name."""
    software_gpus: Annotated[int, Field(ge=0, le=16)] = 0
    """So many GPUs simulated in software stand in for real ones; for trying it out, and for tests."""
    schedule: ScheduleValue = ScheduleSetting()
    """When probes run by themselves: `default`, `aggressive`, `low_overhead`, `off`, or a list of entries."""
    overhead_budget_pct: Annotated[float, Field(ge=0, le=100)] = DEFAULT_BUDGET_PCT
    """How much of each GPU's time scheduled probes may take, over ten minutes."""
    telemetry_seconds: Seconds = 10
    """Between two readings of all GPUs."""
    state_dir: Path = Path("/var/lib/sentinel-node")
    """Where the locks of GPUs lie, and what must outlast a restart; made where it is missing."""
    journal_dir: OptionalPath = None
    """Where the persistent journal lies, in a container that has the host's mounted; empty for the machine's own."""

    gateway: str = ""
    """host:port of the SENTINEL gateway that results and telemetry go to; empty for none."""
    gateway_ca_file: OptionalPath = None
    """Authority of its certificate, PEM; empty for the public ones."""
    gateway_cert_file: OptionalPath = None
    """Our certificate for it, PEM; a gateway takes reports of a host from that host's name only."""
    gateway_key_file: OptionalPath = None
    """Its private key, PEM."""
    gateway_token_file: OptionalPath = None
    """A bearer token, where we prove who we are by one."""
    gateway_plaintext: bool = False
    """Speak to it without TLS; a token then travels within this machine only."""
    hmac_key_file: OptionalPath = None
    """The secret that probe executions are signed with, if the gateway wants them signed."""
    buffer_dir: Path = Path("/var/lib/sentinel-node/buffer")
    """Where results wait while the gateway is away; made where it is missing."""
    buffer_mib: Annotated[int, Field(ge=8)] = 256
    """The most they may take; the oldest are dropped for the newest."""

    stop_grace_seconds: Seconds = 10
    """How long what is under way may take to end after SIGTERM."""
    log_level: LogLevel = "info"
    """`debug`, `info`, `warning` or `error`."""
    log_format: LogFormat = "json"
    """`json` or `text`."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if faults := list(_faults(self)):
            raise ValueError("; ".join(faults))
        return self

    @property
    def has_tls(self) -> bool:
        """Whether the service speaks TLS."""
        return self.tls_cert_file is not None


def _faults(settings: Settings) -> list[str]:
    """What does not fit together, each by the names of its settings."""
    faults = []
    if (settings.tls_cert_file is None) != (settings.tls_key_file is None):
        faults.append("tls_cert_file and tls_key_file are needed together")
    if settings.tls_ca_file is not None and settings.tls_cert_file is None:
        faults.append("tls_ca_file checks callers over TLS, which needs tls_cert_file and tls_key_file")
    if not settings.has_tls and not settings.listen.is_loopback:
        faults.append(
            f"listen: {settings.listen} is not loopback, and without TLS anybody who connects could probe; set"
            " tls_cert_file, tls_key_file and tls_ca_file, or listen on 127.0.0.1"
        )
    if settings.certificate_roles and settings.tls_ca_file is None:
        faults.append("certificate_roles mean nothing without tls_ca_file: no caller is asked for a certificate")
    if settings.has_tls and not settings.certificate_roles and settings.tokens_file is None:
        faults.append("nobody could call: set certificate_roles or tokens_file")
    if not settings.gateway and (settings.hmac_key_file or settings.gateway_token_file):
        faults.append("hmac_key_file and gateway_token_file mean nothing without gateway: nothing is reported")
    if (settings.gateway_cert_file is None) != (settings.gateway_key_file is None):
        faults.append("gateway_cert_file and gateway_key_file are needed together")
    if settings.gateway_plaintext and (settings.gateway_ca_file or settings.gateway_cert_file):
        faults.append("gateway_plaintext asks for no TLS, yet certificates for the gateway are set: remove one")
    if settings.probe_deadline_seconds > settings.probe_deadline_longest_seconds:
        faults.append("probe_deadline_seconds is more than probe_deadline_longest_seconds")
    return faults
