"""Where the gateway is and who we are to it: the operator's settings as one checked value.

TLS is the rule. A plain connection has to be asked for by name, and a token travels over it only within this machine:
anybody on the way could take it and record assessments in our place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gcm_sentinel.clients.sentinel.proofs import read_keys
from gcm_sentinel.domain.errors import BadConfiguration

if TYPE_CHECKING:
    from sentinel_sdk import SentinelClient, TlsConfig

_PREFIX = "GCM_SENTINEL_SENTINEL_"


@dataclass(frozen=True, slots=True)
class Access:
    """One gateway, and how it is reached."""

    endpoint: str
    """host:port."""
    plaintext: bool = False
    ca_cert: Path | None = None
    """PEM; None for the public authorities gRPC knows."""
    client_cert: Path | None = None
    client_key: Path | None = None
    token: str = field(default="", repr=False)
    ledger_public_key: Path | None = None
    """Key of the ledger, as the operator obtained it; None: proofs are told to be unpinned."""
    timeout: timedelta = timedelta(seconds=15)
    """Of one call with its repetitions."""

    def check(self) -> None:
        """Refuse what could not work, without connecting: a wrong file shows at start, not at the first assessment.

        Raises:
            BadConfiguration: settings that contradict each other, or a file that cannot be used; says which.
        """
        from sentinel_sdk import InvalidArgumentError
        from sentinel_sdk.target import is_loopback

        if self.plaintext and (self.ca_cert or self.client_cert or self.client_key):
            raise BadConfiguration(f"{_PREFIX}PLAINTEXT asks for no TLS, yet certificates are set; remove one")
        if self.plaintext and self.token and not is_loopback(self.endpoint):
            raise BadConfiguration(
                f"{_PREFIX}TOKEN would travel to {self.endpoint!r} unencrypted; unset {_PREFIX}PLAINTEXT"
            )
        if bool(self.client_cert) != bool(self.client_key):
            raise BadConfiguration(f"{_PREFIX}CLIENT_CERT and {_PREFIX}CLIENT_KEY are needed together; one is not set")
        try:
            if tls := self._tls():
                tls.channel_credentials()
        except InvalidArgumentError as error:
            raise BadConfiguration(f"the certificates of {_PREFIX}ENDPOINT cannot be used: {error}") from error
        if self.ledger_public_key is not None:
            read_keys(self.ledger_public_key)

    async def connect(self) -> SentinelClient:
        """A client for the running loop; nothing is sent yet.

        Raises:
            BadConfiguration: a file cannot be used, or a token would travel in the open.
        """
        from sentinel_sdk import InvalidArgumentError, RetryConfig, SentinelClient

        try:
            return await SentinelClient.aconnect(
                self.endpoint,
                tls_config=self._tls(),
                retry_config=RetryConfig(),  # until the timeout, whatever SENTINEL_MAX_RETRIES says to other programs
                default_timeout=self.timeout.total_seconds(),
                options=[("grpc.enable_http_proxy", 0)],
                token=self.token or None,
            )
        except InvalidArgumentError as error:
            raise BadConfiguration(f"{_PREFIX}ENDPOINT {self.endpoint!r} cannot be used: {error}") from error

    def _tls(self) -> TlsConfig | Literal[False]:
        from sentinel_sdk import TlsConfig

        if self.plaintext:
            return False
        paths = (self.ca_cert, self.client_cert, self.client_key)
        ca_cert, client_cert, client_key = (str(path) if path else None for path in paths)
        return TlsConfig(ca_cert_path=ca_cert, client_cert_path=client_cert, client_key_path=client_key)
