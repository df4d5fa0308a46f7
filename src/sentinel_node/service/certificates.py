"""The server's certificate and the authority of its clients, read again when the files change.

gRPC asks for the newest at every handshake, so a renewed certificate is used by the next connection. Files that cannot
be used, such as a new certificate whose key is not there yet, leave the old ones in force. Kubernetes swaps a whole
folder by one link, so certificate and key are always read together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from sentinel_node.domain.errors import BadConfiguration

log = structlog.get_logger(__name__)

Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the PEM files lie."""

    certificate: Path
    key: Path
    authority: Path | None = None
    """Whose client certificates are taken; None where none is asked for."""


@dataclass(frozen=True, slots=True)
class _Material:
    """What stands in the files."""

    certificate: bytes
    key: bytes = field(repr=False)
    authority: bytes | None

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """The same for gRPC."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], self.authority)


class Certificates:
    """The newest usable certificates."""

    def __init__(self, files: CertificateFiles) -> None:
        """Read them.

        Raises:
            BadConfiguration: files are missing or cannot be used together.
        """
        self._files = files
        self._stamp = _stamp(files)
        self._material = _read(files)
        self._told = self._stamp

    def credentials(self) -> grpc.ServerCredentials:
        """Credentials that follow the files; with an authority every client must show a certificate of it."""
        return grpc.dynamic_ssl_server_credentials(
            self._material.configuration(),
            lambda: self._current().configuration(),
            self._files.authority is not None,
        )

    def _current(self) -> _Material:
        stamp = _stamp(self._files)
        if stamp == self._stamp:
            return self._material
        try:
            self._material, self._stamp = _read(self._files), stamp
        except BadConfiguration as error:
            if stamp != self._told:
                log.warning("tls.reload_failed", reason=str(error), hint="the certificates in use stay in use")
        else:
            log.info("tls.reloaded", certificate=str(self._files.certificate))
        self._told = stamp
        return self._material


def _read(files: CertificateFiles) -> _Material:
    certificate, key = _bytes(files.certificate), _bytes(files.key)
    leaf = _certificates(certificate, files.certificate)[0]
    if leaf.not_valid_after_utc <= datetime.now(UTC):
        raise BadConfiguration(f"the certificate {str(files.certificate)!r} ended on {leaf.not_valid_after_utc}")
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadConfiguration(f"{str(files.key)!r} is no unencrypted private key in PEM ({error})") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        raise BadConfiguration(f"{str(files.key)!r} is not the key of {str(files.certificate)!r}")
    authority = None
    if files.authority is not None:
        authority = _bytes(files.authority)
        _certificates(authority, files.authority)
    return _Material(certificate, key, authority)


def _certificates(pem: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadConfiguration(f"{str(path)!r} holds no certificate in PEM ({error})") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadConfiguration(f"{str(path)!r} cannot be read: {error.strerror}") from error


def _stamp(files: CertificateFiles) -> Stamp:
    return tuple(_stamp_of(path) for path in (files.certificate, files.key, files.authority) if path)


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None  # reading it says why
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
