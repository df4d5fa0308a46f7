"""Which addresses are listened on, and with which credentials."""

from __future__ import annotations

import asyncio
import ssl

import structlog

from sentinel_gateway.app.collecting import BadSettings
from sentinel_gateway.app.settings import Settings, Tls
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.rest.server import tls_context
from sentinel_gateway.services.server import Listener
from sentinel_serving.certificate_files import CertificateFiles, UnusableCertificates
from sentinel_serving.certificates import Certificates

log = structlog.get_logger(__name__)


def certificates_of(settings: Settings) -> Certificates | None:
    """The certificates; None without TLS.

    Raises:
        BadSettings: files are missing or cannot be used.
    """
    if not settings.tls.on:
        return None
    try:
        return Certificates(_files(settings.tls), look_every_s=settings.tls.reload_seconds)
    except UnusableCertificates as error:
        raise BadSettings(error.faults) from error


def check_addresses(settings: Settings) -> None:
    """Whether there can be addresses for tokens.

    Raises:
        BadConfiguration: they are asked for without TLS, where every address is one.
    """
    if settings.grpc.token_listen and not settings.tls.on:
        raise BadConfiguration("grpc.token_listen needs TLS; without it every address takes tokens")


def listeners_of(settings: Settings, certificates: Certificates | None) -> tuple[Listener, ...]:
    """Where gRPC listens, the main address first."""
    main = (settings.grpc.listen, *settings.grpc.also_listen)
    if certificates is None:
        return tuple(Listener(str(address)) for address in main)
    strict = certificates.credentials(ask_clients=settings.tls.require_client_auth == "required")
    loose = certificates.credentials(ask_clients=False)
    return (
        *(Listener(str(address), strict) for address in main),
        *(Listener(str(address), loose) for address in settings.grpc.token_listen),
    )


class RestTls:
    """TLS for REST with the same files; each new connection gets the newest."""

    def __init__(self, settings: Settings, certificates: Certificates) -> None:
        """Read the files.

        Raises:
            BadConfiguration: they cannot be used.
        """
        self._files = _files(settings.tls)
        self._every_s = settings.tls.reload_seconds
        self._certificates = certificates
        self._asks_clients = settings.tls.require_client_auth == "required"
        self._used = certificates.current()
        self._newest = self._made()
        self.context = self._made()
        self.context.sni_callback = self._use_newest

    async def renew(self) -> None:
        """Follow the files until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            if self._certificates.current() is not self._used:
                self._load()

    def _load(self) -> None:
        newest = self._certificates.current()
        try:
            self._newest = self._made()
        except BadConfiguration as error:  # the next look finds them whole; until then the old ones serve
            log.warning("tls.reload_failed", reason=str(error), hint="REST keeps the certificates in use")
        else:
            self._used = newest

    def _made(self) -> ssl.SSLContext:
        files = self._files
        return tls_context(files.certificate, files.key, files.authorities if self._asks_clients else None)

    def _use_newest(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called at every handshake; swaps certificate, key and authorities, which loading in place would only add."""
        connection.context = self._newest


def _files(tls: Tls) -> CertificateFiles:
    if tls.cert_file is None or tls.key_file is None:
        raise BadConfiguration("tls.cert_file and tls.key_file are both needed for TLS")
    return CertificateFiles(tls.cert_file, tls.key_file, tls.ca_file)
