"""What a gRPC connection shows of its caller: the names in a certificate, and a header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grpc.aio import ServicerContext

from sentinel_serving.tokens import UnusableTokens

Context = ServicerContext[Any, Any]  # Any: the messages of whichever method it is


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """The names in a client certificate that the TLS layer has verified."""

    common_name: str
    dns: tuple[str, ...]
    uris: tuple[str, ...]


def authorization(context: Context) -> str | None:
    """The ``authorization`` header; None where none is sent.

    Raises:
        UnusableTokens: several are.
    """
    sent = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
    if len(sent) > 1:
        raise UnusableTokens("send one authorization header, not several")
    if not sent:
        return None
    return sent[0] if isinstance(sent[0], str) else sent[0].decode("ascii", "replace")


def certificate(context: Context) -> ShownCertificate | None:
    """The client's certificate; None where it showed none."""
    shown: Mapping[str, Iterable[bytes]] = context.auth_context()
    if "x509_pem_cert" not in shown:
        return None
    common_names = _texts(shown.get("x509_common_name", ()))
    return ShownCertificate(
        common_name=common_names[0] if common_names else "",
        dns=_texts(shown.get("peer_dns", ())),
        uris=_texts(shown.get("peer_uri", ())),
    )


def _texts(values: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(value.decode("utf-8", "replace") for value in values if value)
