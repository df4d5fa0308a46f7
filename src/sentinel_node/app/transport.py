"""The certificates of the service, from the settings."""

from __future__ import annotations

from sentinel_node.app.settings import Settings
from sentinel_node.domain.errors import BadConfiguration
from sentinel_serving.certificate_files import CertificateFiles, UnusableCertificates
from sentinel_serving.certificates import Certificates


def certificates_of(settings: Settings) -> Certificates | None:
    """The certificates; None without TLS.

    Raises:
        BadConfiguration: files are missing or cannot be used; says all that is wrong with them.
    """
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    try:
        return Certificates(CertificateFiles(settings.tls_cert_file, settings.tls_key_file, settings.tls_ca_file))
    except UnusableCertificates as error:
        raise BadConfiguration("\n".join(error.faults)) from error
