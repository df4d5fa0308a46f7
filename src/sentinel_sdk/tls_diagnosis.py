"""Why no connection came about, in words somebody can act on; pure, `handshake` does the looking.

gRPC reports the last address it tried and what its TLS library calls the failure. So a refusal on ``::1`` hides that
the certificate on ``127.0.0.1`` is of another authority, and a rejected client certificate is a closed socket. Here
every address has its say, and a cause that will not go away by waiting is told from one that may.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

_NAMES_MAX = 8
_EXPIRED, _NOT_YET_VALID, _OTHER_HOST, _OTHER_ADDRESS, _OTHER_PURPOSE = 10, 9, 62, 64, 26
"""X509_V_ERR_*, https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/"""
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
)
_SETTINGS, _GOAWAY = 4, 7
"""Types of the frames an HTTP/2 server may begin with, https://www.rfc-editor.org/rfc/rfc9113#section-6"""
_USES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
}
"""As OpenSSL's configuration names them."""
_TLS_ALERT = b"\x15\x03"


class Cause(Enum):
    """What an address did. The later in this list, the more it says."""

    ANSWERS = "answers"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    CLOSED = "closed"
    BEING_RENEWED = "certificates are being renewed"
    NOT_GRPC = "not gRPC"
    PLAIN_THERE = "speaks without TLS"
    TLS_THERE = "speaks TLS"
    UNTRUSTED = "untrusted"
    OUT_OF_DATE = "out of date"
    OTHER_NAME = "another name"
    CLIENT_CERTIFICATE = "client certificate"

    @property
    def is_lasting(self) -> bool:
        """Whether waiting does not help: somebody has to change a certificate or a setting."""
        return self in _LASTING


_LASTING = frozenset(
    {
        Cause.PLAIN_THERE,
        Cause.TLS_THERE,
        Cause.UNTRUSTED,
        Cause.OUT_OF_DATE,
        Cause.OTHER_NAME,
        Cause.CLIENT_CERTIFICATE,
    }
)
_TELLING = tuple(Cause)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one address did."""

    address: str
    cause: Cause
    words: str
    """Goes after the address."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why there is no connection."""

    words: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """What the client asks of a server, and what it shows of itself."""

    host: str
    authorities: str
    """In words: which file, and whom it names."""
    client: x509.Certificate | None
    client_path: str
    now: datetime


def diagnose(endpoint: str, seen: Sequence[Seen]) -> Diagnosis | None:
    """What all addresses together mean; None where one of them answers as it should, or none was tried."""
    if not seen or any(one.cause is Cause.ANSWERS for one in seen):
        return None
    by_weight = sorted(seen, key=lambda one: -_TELLING.index(one.cause))
    addresses: dict[str, list[str]] = {}
    for one in by_weight:
        addresses.setdefault(one.words, []).append(one.address)
    told = "; ".join(f"{' and '.join(where)} {words}" for words, where in addresses.items())
    return Diagnosis(f"no connection to {endpoint}: {told}", by_weight[0].cause.is_lasting)


def of_unknown_name(endpoint: str, host: str, reason: str) -> Diagnosis:
    """The host has no address."""
    return Diagnosis(f"no connection to {endpoint}: the name {host!r} is not known here ({reason})", lasting=False)


def of_os_error(error: OSError) -> tuple[Cause, str]:
    """What went wrong before anything was said, or instead of an answer."""
    if isinstance(error, ConnectionRefusedError):
        return Cause.REFUSED, "refused the connection: nothing listens there"
    if isinstance(error, TimeoutError):
        return Cause.SILENT, "did not answer in time"
    if isinstance(error, ConnectionError) or error.errno == errno.ECONNABORTED:
        return Cause.CLOSED, "took the connection and closed it"
    return Cause.UNREACHABLE, f"cannot be reached ({error.strerror or error})"


def of_being_renewed(reason: str) -> tuple[Cause, str]:
    """Our own files are no longer those the connection was tried with, so what it met says nothing."""
    return Cause.BEING_RENEWED, f"was not asked again: {reason}"


def of_untrusted(
    error: ssl.SSLCertVerificationError, shown: x509.Certificate | None, expected: Expected
) -> tuple[Cause, str]:
    """Why the certificate a server shows is not believed; `shown` is None where it could not be looked at."""
    if shown is None:
        return Cause.UNTRUSTED, f"shows a certificate that is not believed ({error.verify_message})"
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        return Cause.OUT_OF_DATE, _out_of_date(shown, expected.now)
    if error.verify_code in (_OTHER_HOST, _OTHER_ADDRESS):
        return Cause.OTHER_NAME, f"shows a certificate for {_hosts_of(shown)}, not for {expected.host!r}"
    if error.verify_code == _OTHER_PURPOSE and (uses := _made_for(shown, ExtendedKeyUsageOID.SERVER_AUTH)):
        return Cause.UNTRUSTED, f"shows a certificate that is made for {uses}, not for a server: it needs serverAuth"
    by = "by itself" if shown.issuer == shown.subject else f"by {_called(shown.issuer)}"
    return Cause.UNTRUSTED, f"shows a certificate issued {by}; believed are {expected.authorities}"


def of_tls_error(error: ssl.SSLError, expected: Expected) -> tuple[Cause, str]:
    """What a failed handshake means, where the server's certificate is not the reason."""
    reason = error.reason or str(error)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Cause.CLOSED, "closed the connection during the TLS handshake"
    if reason in _NOT_TLS:
        return Cause.PLAIN_THERE, "speaks without TLS, but TLS is asked for: leave tls_config out, or use its TLS port"
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return of_client_refused(expected, reason)
    return Cause.CLOSED, f"ended the TLS handshake ({reason})"


def of_client_refused(expected: Expected, reason: str) -> tuple[Cause, str]:
    """The server ended the connection over the client's certificate."""
    if expected.client is None:
        return Cause.CLIENT_CERTIFICATE, (
            "wants a client certificate, and none is given: set client_cert_path and client_key_path"
        )
    shown = f"the client certificate of {_called(expected.client.subject)} ({expected.client_path!r})"
    if expected.client.not_valid_after_utc < expected.now:
        return Cause.CLIENT_CERTIFICATE, f"did not accept {shown}, which ended {_moment(expected.client)}"
    if uses := _made_for(expected.client, ExtendedKeyUsageOID.CLIENT_AUTH):
        purpose = f"is made for {uses}, not for a client: issue one with the extended key usage clientAuth"
        return Cause.CLIENT_CERTIFICATE, f"did not accept {shown}, which {purpose}"
    issuer = _called(expected.client.issuer)
    return Cause.CLIENT_CERTIFICATE, f"did not accept {shown}, issued by {issuer} ({_spoken(reason)})"


def of_first_bytes(content: bytes) -> tuple[Cause, str]:
    """What a server is by the first it says on a connection of gRPC's kind."""
    if content[:2] == _TLS_ALERT:
        return of_tls_there()
    if content.startswith(b"HTTP/1"):
        return Cause.NOT_GRPC, "answers as a web server, not as a gateway: is it another port?"
    if len(content) > 3 and content[3] in (_SETTINGS, _GOAWAY):
        return Cause.ANSWERS, "answers"
    return Cause.NOT_GRPC, "answers something that is not gRPC"


def of_tls_there() -> tuple[Cause, str]:
    """The server speaks TLS and we do not."""
    return Cause.TLS_THERE, "speaks TLS, but the connection was made without: give a tls_config, or SENTINEL_CA_CERT"


def authorities_in(pem: bytes, path: str) -> str:
    """The authorities of a file, in words."""
    names = [_called(one.subject) for one in x509.load_pem_x509_certificates(pem)]
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    return f"{', '.join(names[:_NAMES_MAX])}{more} ({path!r})"


def _out_of_date(shown: x509.Certificate, now: datetime) -> str:
    here = f"it is {now:%Y-%m-%d %H:%M} UTC here"
    if shown.not_valid_after_utc < now:
        return f"shows a certificate that ended {_moment(shown)}; {here}"
    if shown.not_valid_before_utc > now:
        return f"shows a certificate that is valid from {shown.not_valid_before_utc:%Y-%m-%d %H:%M} UTC; {here}"
    return f"shows a certificate of {_called(shown.issuer)}, whose own certificate is not valid now; {here}"


def _made_for(certificate: x509.Certificate, wanted: ObjectIdentifier) -> str:
    """What a certificate may be used for, in words; empty where that is what is wanted, or where it says nothing."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    if wanted in uses or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses:
        return ""
    return ", ".join(_USES.get(one, one.dotted_string) for one in uses)


def _moment(certificate: x509.Certificate) -> str:
    return f"on {certificate.not_valid_after_utc.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _hosts_of(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return f"{_called(certificate.subject)} without any host name"
    hosts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return ", ".join(map(repr, hosts[:_NAMES_MAX])) or "no host name"


def _called(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return repr(str(common[0].value)) if common else repr(name.rfc4514_string())


def _spoken(reason: str) -> str:
    """OpenSSL's name of an alert as words: ``TLSV1_ALERT_UNKNOWN_CA`` is ``unknown ca``."""
    return reason.partition("ALERT_")[2].replace("_", " ").lower() or reason
