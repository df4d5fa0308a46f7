"""Certificates for tests: authorities, servers and clients, also expired and nameless ones. Made in memory, P-256."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key as PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write both; gives the paths of the certificate and of the key."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.certificate)
        key.write_bytes(self.key)
        return certificate, key


class Authority:
    """A certificate authority of its own."""

    def __init__(self, name: str = "test-ca") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        builder = _builder(self._name, self._name, self._key.public_key(), _day(-1), _day(30))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, *names: str, days: float = 30, from_days: float = -1, for_clients: bool = False) -> KeyPair:
        """A server's certificate for these host names, and for loopback; with `for_clients` not meant for servers.

        Valid from `from_days` to `days` from now; negative is past.
        """
        loopback = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        others = [x509.DNSName(name) for name in names]
        use = ExtendedKeyUsageOID.CLIENT_AUTH if for_clients else ExtendedKeyUsageOID.SERVER_AUTH
        return self._issue("gateway", [*loopback, *others], use, (from_days, days))

    def client(self, common_name: str = "", *, dns: str = "", uri: str = "", days: int = 30) -> KeyPair:
        """A client's certificate; with negative `days` it has expired."""
        names: list[x509.GeneralName] = [x509.DNSName(dns)] if dns else []
        names += [x509.UniformResourceIdentifier(uri)] if uri else []
        return self._issue(common_name, names, ExtendedKeyUsageOID.CLIENT_AUTH, (min(-1, days - 1), days))

    def _issue(
        self,
        common_name: str,
        names: list[x509.GeneralName],
        use: x509.ObjectIdentifier,
        valid_days: tuple[float, float],
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        start, end = map(_day, valid_days)
        builder = _builder(_named(common_name), self._name, key.public_key(), start, end)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not common_name)
        certificate = builder.sign(self._key, hashes.SHA256())
        return KeyPair(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def _day(days: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
