"""The certificates of a server, read again when the files change.

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

import grpc
import structlog

from sentinel_serving.certificate_files import CertificateFiles, Material, UnusableCertificates, read
from sentinel_serving.stamps import Stamp, stamp_of

log = structlog.get_logger(__name__)

SOON = timedelta(days=14)
"""How long before its end a certificate is warned of."""
_TOLD_EVERY = timedelta(days=1)
_MINUTE = "%Y-%m-%d %H:%M UTC"

Stamps = tuple[Stamp | None, ...]
"""Of each file what changes with it; None for one that is not there."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def stamps_of(files: CertificateFiles) -> Stamps:
    """What changes when one of the files does."""
    return tuple(stamp_of(path) for path in (files.certificate, files.key, files.authorities) if path)


class Certificates:
    """The newest usable certificates."""

    def __init__(
        self,
        files: CertificateFiles,
        *,
        look_every_s: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Read them; `look_every_s` is how often they are looked at, 0 for every handshake.

        Raises:
            UnusableCertificates: files are missing or cannot be used.
        """
        self.files = files
        self._look_every_s = look_every_s
        self._monotonic = monotonic
        self._now = now
        self._looked_at = monotonic()
        self._stamp = stamps_of(files)
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
            self._material.configuration(ask_clients=ask_clients),
            lambda: self.current().configuration(ask_clients=ask_clients),
            ask_clients,
        )

    def _look(self) -> None:
        stamp = stamps_of(self.files)
        if stamp != self._stamp:
            self._read_again(stamp)
        self._tell_of_end()

    def _read_again(self, stamp: Stamps) -> None:
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


@dataclass(frozen=True, slots=True)
class _Refused:
    """Files that could not be used."""

    stamp: Stamps
    words: str
