"""One look at an endpoint that gRPC could not connect to: every address, once, with Python's own TLS.

It runs in a thread of its own with a deadline, so that a slow name service holds up neither a caller nor an event loop.
Nothing is sent but a TLS handshake and the opening of HTTP/2; tokens and requests stay here. Only endpoints that name a
host are looked at, and not through a proxy: what gRPC would meet there a direct connection cannot tell.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from cryptography import x509

from sentinel_sdk.errors import InvalidArgumentError
from sentinel_sdk.tls import Material
from sentinel_sdk.tls_diagnosis import (
    Cause,
    Diagnosis,
    Expected,
    Seen,
    authorities_in,
    diagnose,
    of_being_renewed,
    of_client_refused,
    of_first_bytes,
    of_os_error,
    of_tls_error,
    of_tls_there,
    of_unknown_name,
    of_untrusted,
)

log = logging.getLogger("sentinel_sdk")
PATIENCE_S = 3.0
"""How long one look may take."""
_OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""The client's preface and empty settings, https://www.rfc-editor.org/rfc/rfc9113#section-3.4"""
_ADDRESSES_MAX = 8
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint, and how it is secured."""

    endpoint: str
    host: str
    port: int
    server_name: str
    """Whom the certificate has to be for."""
    tls: Material | None


def place_of(endpoint: str, options: Mapping[str, object], tls: Material | None) -> Place | None:
    """The place to look at; None where only gRPC can get there."""
    if options.get("grpc.enable_http_proxy", 1) and any(os.environ.get(name) for name in _PROXIES):
        return None
    address = re.sub(r"^(?:dns|ipv4|ipv6):(?://[^/]*/)?", "", endpoint)
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:/,\[\]]+))(?::(\d+))?", address)
    if found is None:
        return None
    host = found[1] or found[2]
    name = options.get("grpc.ssl_target_name_override") or host
    return Place(endpoint, host, int(found[3] or 443), str(name), tls)


def look(place: Place) -> Future[Diagnosis | None]:
    """Begin to look. The result is None where the place answers as it should by now."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="sentinel-sdk-look")
    looking = executor.submit(_guarded, place, time.monotonic() + PATIENCE_S)
    executor.shutdown(wait=False)
    return looking


def _guarded(place: Place, until: float) -> Diagnosis | None:
    try:
        return _look(place, until)
    except Exception:  # the thread's border: a certificate nobody can read must not replace the error it would explain
        log.exception("connection.look_failed endpoint=%s", place.endpoint)
        return None


def _look(place: Place, until: float) -> Diagnosis | None:
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return of_unknown_name(place.endpoint, place.host, error.strerror or str(error))
    except UnicodeError as error:
        return of_unknown_name(place.endpoint, place.host, str(error))
    addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))[:_ADDRESSES_MAX]
    seen = []
    for number, (family, address) in enumerate(addresses):
        shown = f"[{address[0]}]:{place.port}" if family == socket.AF_INET6 else f"{address[0]}:{place.port}"
        # An address that is silent must leave time for the others.
        share_s = max(until - time.monotonic(), 0.1) / (len(addresses) - number)
        seen.append(Seen(shown, *_Address(place, family, address, time.monotonic() + share_s).examine()))
    return diagnose(place.endpoint, seen)


@dataclass(frozen=True, slots=True)
class _Address:
    """One address of a place."""

    place: Place
    family: int
    address: tuple[Any, ...]  # of two parts or of four, as its family has it
    until: float

    def examine(self) -> tuple[Cause, str]:
        try:
            return self._plainly() if self.place.tls is None else self._securely(self.place.tls)
        except OSError as error:
            return of_os_error(error)

    def _plainly(self) -> tuple[Cause, str]:
        with self._connected() as connection:
            try:
                connection.sendall(_OPENING)
                content = connection.recv(4096)
            except ConnectionError:
                content = b""
        if content:
            return of_first_bytes(content)
        return of_tls_there() if self._speaks_tls() else of_os_error(ConnectionResetError())

    def _securely(self, tls: Material) -> tuple[Cause, str]:
        expected = _expected(self.place.server_name, tls)
        try:
            with self._connected() as raw:
                if reason := _being_renewed(tls):
                    return of_being_renewed(reason)
                with self._wrapped(raw, _believing(tls)) as connection:
                    content = _first_answer(connection)
            if content:
                return of_first_bytes(content)
            if self._refuses_us(tls):
                return of_client_refused(expected, "it says no more")
            return Cause.CLOSED, "completes the TLS handshake and closes the connection"
        except ssl.SSLCertVerificationError as error:
            return of_untrusted(error, self._shown(tls), expected)
        except ssl.SSLError as error:
            return of_tls_error(error, expected)

    def _refuses_us(self, tls: Material) -> bool:
        """Whether a connection that was closed after the handshake was closed over the client's certificate.

        In TLS 1.3 the two look alike, and gRPC's servers send no alert. In TLS 1.2 the handshake itself fails.
        """
        context = _believing(tls)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self._connected() as raw:
            try:
                self._wrapped(raw, context).close()
            except ssl.SSLError as error:
                return "VERSION" not in (error.reason or "")
            except ConnectionError:
                return True
        return False

    def _speaks_tls(self) -> bool:
        try:
            with self._connected() as raw, self._wrapped(raw, _unbelieving()):
                return True
        except ssl.SSLError as error:
            return "ALERT" in (error.reason or "")
        except OSError:
            return False

    def _shown(self, tls: Material) -> x509.Certificate | None:
        """The certificate the server shows, whoever it is from."""
        context = _unbelieving()
        _show_ourselves(context, tls)
        try:
            with self._connected() as raw, self._wrapped(raw, context) as connection:
                content = connection.getpeercert(binary_form=True)
            return x509.load_der_x509_certificate(content) if content else None
        except (OSError, ValueError):
            return None

    def _connected(self) -> socket.socket:
        connection = socket.socket(self.family, socket.SOCK_STREAM)
        connection.settimeout(max(self.until - time.monotonic(), 0.05))
        try:
            connection.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection

    def _wrapped(self, raw: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        return context.wrap_socket(raw, server_hostname=self.place.server_name)


def _first_answer(connection: ssl.SSLSocket) -> bytes:
    """What the server says first; nothing where it closes the connection instead."""
    try:
        connection.sendall(_OPENING)
        return connection.recv(4096)
    except (ConnectionError, ssl.SSLEOFError):
        return b""


def _being_renewed(tls: Material) -> str | None:
    try:
        return "the certificates have changed just now" if tls.renewed() else None
    except InvalidArgumentError as error:
        return f"the certificates have changed, and cannot be used yet: {error}"


def _expected(host: str, tls: Material) -> Expected:
    if tls.roots is None:
        authorities = "the public authorities that gRPC knows (no ca_cert_path is given)"
    else:
        authorities = authorities_in(tls.roots, str(tls.config.ca_cert_path))
    client = x509.load_pem_x509_certificates(tls.certificate)[0] if tls.certificate else None
    return Expected(host, authorities, client, str(tls.config.client_cert_path), datetime.now(UTC))


def _believing(tls: Material) -> ssl.SSLContext:
    """Verifies as gRPC does: any certificate in the file is an anchor, an intermediate one, too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=(tls.roots or _public_roots()).decode("ascii", "ignore"))
    context.set_alpn_protocols(["h2"])
    _show_ourselves(context, tls)
    return context


def _unbelieving() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def _show_ourselves(context: ssl.SSLContext, tls: Material) -> None:
    if tls.config.client_cert_path and tls.config.client_key_path:
        context.load_cert_chain(tls.config.client_cert_path, tls.config.client_key_path)


def _public_roots() -> bytes:
    if named := os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"):
        return Path(named).read_bytes()
    return files("grpc").joinpath("_cython", "_credentials", "roots.pem").read_bytes()
