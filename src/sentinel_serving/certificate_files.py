"""A server's certificate, its key and the authorities of its clients, as they stand in files at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

T = TypeVar("T")

_MINUTE = "%Y-%m-%d %H:%M UTC"


class UnusableCertificates(Exception):
    """Raised when certificate files cannot be used; says everything that is wrong with them."""

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the PEM files lie."""

    certificate: Path
    """With its chain."""
    key: Path
    authorities: Path | None = None
    """Whose client certificates are taken; None where none is asked for."""


@dataclass(frozen=True, slots=True)
class Material:
    """What stands in the files; the key's `repr` is left out."""

    certificate: bytes
    key: bytes
    authorities: bytes | None
    ends: datetime
    """When the server's certificate does; UTC."""

    def __repr__(self) -> str:
        return "Material(...)"

    def configuration(self, *, ask_clients: bool) -> grpc.ServerCertificateConfiguration:
        """The same for gRPC; with `ask_clients` every client must show a certificate."""
        authorities = self.authorities if ask_clients else None
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], authorities)


class _Faults:
    """What went wrong so far; a file that cannot be used does not keep the others from being looked at."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def of(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except UnusableCertificates as error:
            self.words += error.faults
            return None


def read(files: CertificateFiles, now: datetime) -> Material:
    """What stands in the files, if it can be used together at the time `now`.

    Raises:
        UnusableCertificates: names every file that cannot be used, and what is wrong with it.
    """
    faults = _Faults()
    server = faults.of(lambda: _server_certificate(files.certificate, now))
    key = faults.of(lambda: _key(files.key))
    authorities = faults.of(lambda: _authorities(files.authorities))
    if server is not None and key is not None:
        faults.of(lambda: _check_pair(server[1], key[1], files))
    if faults.words or server is None or key is None:
        raise UnusableCertificates(*faults.words)
    return Material(server[0], key[0], authorities, server[1].not_valid_after_utc)


def _server_certificate(path: Path, now: datetime) -> tuple[bytes, x509.Certificate]:
    pem = _bytes(path)
    certificate = _certificates(pem, path)[0]
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now < ends:
        what = "has expired" if now >= ends else "is not valid yet"
        raise UnusableCertificates(
            f"the certificate {str(path)!r} {what}: it is valid from {begins.strftime(_MINUTE)} to"
            f" {ends.strftime(_MINUTE)}, and here it is {now.strftime(_MINUTE)}"
        )
    _check_use(certificate, path)
    return pem, certificate


def _check_use(certificate: x509.Certificate, path: Path) -> None:
    """A certificate that says what it is for must be for servers: clients refuse it otherwise."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError as error:
        raise UnusableCertificates(
            f"the certificate {str(path)!r} has extensions that cannot be read ({error})"
        ) from error
    if ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise UnusableCertificates(
            f"the certificate {str(path)!r} is no server's certificate: its extended key usage lacks serverAuth"
        )


def _key(path: Path) -> tuple[bytes, PrivateKeyTypes]:
    pem = _bytes(path)
    try:
        return pem, load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableCertificates(f"{str(path)!r} is no private key in PEM ({error})") from error


def _authorities(path: Path | None) -> bytes | None:
    if path is None:
        return None
    pem = _bytes(path)
    _certificates(pem, path)
    return pem


def _check_pair(certificate: x509.Certificate, key: PrivateKeyTypes, files: CertificateFiles) -> None:
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*shape) != key.public_key().public_bytes(*shape):
        raise UnusableCertificates(f"{str(files.key)!r} is not the key of {str(files.certificate)!r}")


def _certificates(pem: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise UnusableCertificates(f"{str(path)!r} holds no certificate in PEM ({error})") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableCertificates(f"{str(path)!r} cannot be read: {error.strerror}") from error
