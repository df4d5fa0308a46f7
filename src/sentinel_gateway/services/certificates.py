"""The server's certificate and the authorities of its clients, read again when the files change.

gRPC asks for the newest certificates at every handshake, so a renewed one is used by the next connection; those that
are open keep theirs. Files that cannot be used, such as a new certificate whose key is not there yet, leave the old
ones in force. Kubernetes swaps a whole folder by one link, so certificate and key are always read together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from sentinel_gateway.domain.errors import BadConfiguration

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the PEM files lie."""

    certificate: Path
    key: Path
    authorities: Path | None = None
    """Whose client certificates are taken; None where none is asked for."""


@dataclass(frozen=True, slots=True)
class Material:
    """What stands in the files; the key's `repr` is left out."""

    certificate: bytes
    key: bytes
    authorities: bytes | None

    def __repr__(self) -> str:
        return "Material(...)"


class Certificates:
    """The newest usable certificates."""

    def __init__(
        self, files: CertificateFiles, *, look_every_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Read them.

        Raises:
            BadConfiguration: a file is missing or cannot be used.
        """
        self._files = files
        self._look_every_s = look_every_s
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._stamp = _stamp(files)
        self._material = read(files)

    def current(self) -> Material:
        """The newest usable ones; looks at the files now and then."""
        now = self._monotonic()
        if now - self._looked_at >= self._look_every_s:
            self._looked_at = now
            self._look()
        return self._material

    def credentials(self, *, ask_clients: bool) -> grpc.ServerCredentials:
        """Credentials that follow the files; with `ask_clients` every client must show a certificate."""
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._material, ask_clients=ask_clients),
            lambda: _configuration(self.current(), ask_clients=ask_clients),
            ask_clients,
        )

    def _look(self) -> None:
        try:
            stamp = _stamp(self._files)
            if stamp == self._stamp:
                return
            self._material = read(self._files)
        except BadConfiguration as error:
            log.warning("tls.reload_failed", reason=str(error), hint="the certificates in use stay in use")
            return
        self._stamp = stamp
        log.info("tls.reloaded", certificate=str(self._files.certificate))


def read(files: CertificateFiles) -> Material:
    """What stands in the files, if it can be used together.

    Raises:
        BadConfiguration: names the file and what is wrong with it.
    """
    material = Material(
        _bytes(files.certificate), _bytes(files.key), _bytes(files.authorities) if files.authorities else None
    )
    certificate = _certificates(material.certificate, files.certificate)[0]
    try:
        key = load_pem_private_key(material.key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadConfiguration(f"tls.key_file {str(files.key)!r} is no private key in PEM ({error})") from error
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*shape) != key.public_key().public_bytes(*shape):
        raise BadConfiguration(f"tls: {str(files.key)!r} is not the key of {str(files.certificate)!r}")
    if files.authorities and material.authorities is not None:
        _certificates(material.authorities, files.authorities)
    return material


def _certificates(pem: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadConfiguration(f"tls: {str(path)!r} holds no certificate in PEM ({error})") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadConfiguration(f"tls: {str(path)!r} cannot be read: {error.strerror}") from error


def _stamp(files: CertificateFiles) -> tuple[tuple[int, int, int], ...]:
    """Changes when a file does."""
    paths = [path for path in (files.certificate, files.key, files.authorities) if path]
    try:
        stats = [path.stat() for path in paths]
    except OSError as error:
        raise BadConfiguration(f"tls: {error.filename!r} cannot be read: {error.strerror}") from error
    return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)


def _configuration(material: Material, *, ask_clients: bool) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.certificate)], material.authorities if ask_clients else None
    )
