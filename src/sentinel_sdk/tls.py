"""How a connection is secured: which authority the server's certificate must come from, and who we prove to be.

Files are read and checked when a client is made, because gRPC itself reports a wrong file only as a failed handshake,
later and without a name. They are looked at again whenever no connection comes about: gRPC's clients never read a file
twice, and certificates live for weeks while agents run for months.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from sentinel_sdk.errors import InvalidArgumentError, invalid

log = logging.getLogger("sentinel_sdk")


@dataclass
class TlsConfig:
    """Paths of PEM files. Without `ca_cert_path` gRPC's own list of public authorities decides."""

    ca_cert_path: str | None = None
    client_cert_path: str | None = None
    client_key_path: str | None = None

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials from the files as they are now.

        Raises:
            InvalidArgumentError: a file cannot be read or is not PEM, or certificate and key do not belong together.
        """
        return self.material().credentials()

    def material(self) -> Material:
        """What the files hold now; raises as `channel_credentials` does."""
        if bool(self.client_cert_path) != bool(self.client_key_path):
            given, missing = ("client_cert_path", "client_key_path")[:: 1 if self.client_cert_path else -1]
            raise invalid(f"TlsConfig has {given} but no {missing}: a client certificate needs both")
        authority = certificate = key = None
        if self.ca_cert_path:
            authority = _read(self.ca_cert_path, "ca_cert_path")
            _certificates(authority, self.ca_cert_path)
        if self.client_cert_path and self.client_key_path:
            certificate = _read(self.client_cert_path, "client_cert_path")
            key = _read(self.client_key_path, "client_key_path")
            _check_pair(certificate, key, self)
        return Material(replace(self), authority, certificate, key)


@dataclass(frozen=True, slots=True)
class Material:
    """What a connection is secured with: the files as they were when they were last read."""

    config: TlsConfig
    roots: bytes | None
    """None for gRPC's own list."""
    certificate: bytes | None
    key: bytes | None = field(repr=False)

    def credentials(self) -> grpc.ChannelCredentials:
        """The same for gRPC."""
        return grpc.ssl_channel_credentials(self.roots, self.key, self.certificate)

    def renewed(self) -> Material | None:
        """What the files hold now; None where that is the same.

        Raises:
            InvalidArgumentError: they cannot be used as they are, perhaps because somebody is writing them just now.
        """
        return self.config.material() if self._has_changed() else None

    def _has_changed(self) -> bool:
        config = self.config
        known = (
            (config.ca_cert_path, self.roots),
            (config.client_cert_path, self.certificate),
            (config.client_key_path, self.key),
        )
        return any(path and not _holds(path, content) for path, content in known)


def _holds(path: str, content: bytes | None) -> bool:
    try:
        return Path(path).read_bytes() == content
    except OSError:
        return False


def _read(path: str, field: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise invalid(f"{field} {path!r} cannot be read: {error.strerror}") from error


def _certificates(pem: bytes, path: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise invalid(f"{path!r} holds no PEM certificate: {error}") from error


def _check_pair(certificate: bytes, key: bytes, config: TlsConfig) -> None:
    leaf = _certificates(certificate, str(config.client_cert_path))[0]
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable_key(config, error) from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise invalid(f"{config.client_key_path!r} is not the key of the certificate {config.client_cert_path!r}")
    # Only a warning: the server decides by its own clock, and ours may be the wrong one.
    if leaf.not_valid_after_utc < datetime.now(UTC):
        log.warning("tls.client_certificate_expired path=%s at=%s", config.client_cert_path, leaf.not_valid_after_utc)


def _unusable_key(config: TlsConfig, error: Exception) -> InvalidArgumentError:
    return invalid(f"{config.client_key_path!r} holds no unencrypted PEM private key: {error}")
