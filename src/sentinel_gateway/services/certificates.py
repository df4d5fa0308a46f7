"""The server's certificate and the authorities of its clients, read again when the files change.

gRPC asks for the newest certificates at every handshake, so a renewed one is used by the next connection; those that
are open keep theirs. Files that cannot be used, such as a new certificate whose key is not there yet or one that has
expired, leave the old ones in force, and `problems` says so. Kubernetes swaps a whole folder by one link, so
certificate and key are always read together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from sentinel_gateway.domain.errors import BadConfiguration

log = structlog.get_logger(__name__)

T = TypeVar("T")

SOON = timedelta(days=14)
"""How long before its end a certificate is warned of."""
_TOLD_EVERY = timedelta(days=1)
_MINUTE = "%Y-%m-%d %H:%M UTC"


class UnusableCertificates(BadConfiguration):
    """Raised when certificate files cannot be used; says everything that is wrong with them."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def _utc_now() -> datetime:
    return datetime.now(UTC)


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
    ends: datetime
    """When the server's certificate does; UTC."""

    def __repr__(self) -> str:
        return "Material(...)"


class Certificates:
    """The newest usable certificates."""

    def __init__(
        self,
        files: CertificateFiles,
        *,
        look_every_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Read them.

        Raises:
            UnusableCertificates: files are missing or cannot be used.
        """
        self.files = files
        self._look_every_s = look_every_s
        self._monotonic = monotonic
        self._now = now
        self._looked_at = monotonic()
        self._stamp = _stamp(files)
        self._material = read(files, now())
        self._refused: _Refused | None = None
        self._told_of_end: datetime | None = None
        self._tell_of_end()

    def current(self) -> Material:
        """The newest usable ones; looks at the files now and then."""
        now = self._monotonic()
        if now - self._looked_at >= self._look_every_s:
            self._looked_at = now
            self._look()
        return self._material

    def problems(self) -> tuple[str, ...]:
        """What somebody should do something about; nothing where all is well."""
        found = []
        if self._refused is not None:
            found.append(f"the new TLS files cannot be used and the old ones stay in use: {self._refused.words}")
        if self._material.ends <= self._now():
            when = self._material.ends.strftime(_MINUTE)
            found.append(f"the certificate in use ended on {when}: clients refuse it ({str(self.files.certificate)!r})")
        return tuple(found)

    def credentials(self, *, ask_clients: bool) -> grpc.ServerCredentials:
        """Credentials that follow the files; with `ask_clients` every client must show a certificate."""
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._material, ask_clients=ask_clients),
            lambda: _configuration(self.current(), ask_clients=ask_clients),
            ask_clients,
        )

    def _look(self) -> None:
        stamp = _stamp(self.files)
        if stamp != self._stamp:
            self._read_again(stamp)
        self._tell_of_end()

    def _read_again(self, stamp: Stamp) -> None:
        try:
            self._material = read(self.files, self._now())
        except UnusableCertificates as error:
            if self._refused is None or self._refused.stamp != stamp:
                log.error("tls.reload_failed", reason=str(error), hint="the certificates in use stay in use")  # noqa: TRY400 - an operator's matter
            self._refused = _Refused(stamp, str(error))
            return
        self._stamp, self._refused, self._told_of_end = stamp, None, None
        log.info("tls.reloaded", certificate=str(self.files.certificate), ends=self._material.ends.isoformat())

    def _tell_of_end(self) -> None:
        """Once a day, from `SOON` before."""
        now, ends = self._now(), self._material.ends
        if ends - now > SOON or (self._told_of_end is not None and now - self._told_of_end < _TOLD_EVERY):
            return
        self._told_of_end = now
        told = {"certificate": str(self.files.certificate), "ends": ends.isoformat()}
        if ends <= now:
            log.error("tls.certificate_ended", **told, hint="clients refuse it: put a new one in its place")
        else:
            log.warning("tls.certificate_ends_soon", **told, hint="a new one in its place is used without a restart")


Stamp = tuple[tuple[int, int, int] | None, ...]
"""Of each file what changes with it; None for one that is not there."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """Files that could not be used."""

    stamp: Stamp
    words: str


class _Faults:
    """What went wrong so far; a file that cannot be used does not keep the others from being looked at."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def of(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except BadConfiguration as error:
            self.words.append(str(error))
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
        raise UnusableCertificates(tuple(faults.words))
    return Material(server[0], key[0], authorities, server[1].not_valid_after_utc)


def _server_certificate(path: Path, now: datetime) -> tuple[bytes, x509.Certificate]:
    pem = _bytes(path)
    certificate = _certificates(pem, path)[0]
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now < ends:
        what = "has expired" if now >= ends else "is not valid yet"
        raise BadConfiguration(
            f"tls.cert_file {str(path)!r} {what}: it is valid from {begins.strftime(_MINUTE)} to"
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
        raise BadConfiguration(f"tls.cert_file {str(path)!r} has extensions that cannot be read ({error})") from error
    if ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise BadConfiguration(
            f"tls.cert_file {str(path)!r} is no server's certificate: its extended key usage lacks serverAuth"
        )


def _key(path: Path) -> tuple[bytes, PrivateKeyTypes]:
    pem = _bytes(path)
    try:
        return pem, load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadConfiguration(f"tls.key_file {str(path)!r} is no private key in PEM ({error})") from error


def _authorities(path: Path | None) -> bytes | None:
    if path is None:
        return None
    pem = _bytes(path)
    _certificates(pem, path)
    return pem


def _check_pair(certificate: x509.Certificate, key: PrivateKeyTypes, files: CertificateFiles) -> None:
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*shape) != key.public_key().public_bytes(*shape):
        raise BadConfiguration(f"tls: {str(files.key)!r} is not the key of {str(files.certificate)!r}")


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


def _stamp(files: CertificateFiles) -> Stamp:
    return tuple(_stamp_of(path) for path in (files.certificate, files.key, files.authorities) if path)


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None  # reading it says why
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _configuration(material: Material, *, ask_clients: bool) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.certificate)], material.authorities if ask_clients else None
    )
