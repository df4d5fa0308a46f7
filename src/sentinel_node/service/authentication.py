"""Who calls, from what gRPC knows of a connection; and the caller of the running call, for the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any

from grpc.aio import ServicerContext

from sentinel_node.domain.access import AccessRules, Caller, CertificateNames, bearer_token
from sentinel_node.domain.errors import Unauthenticated

Context = ServicerContext[Any, Any]  # Any: the messages of whichever method it is

CALLER: ContextVar[Caller] = ContextVar("sentinel_node_caller")
"""Set by the border before the service runs; gRPC runs each call in a context of its own."""


def caller_of(context: Context, rules: AccessRules) -> Caller:
    """Who is calling.

    Raises:
        Unauthenticated: nobody we know, or what it shows cannot be read.
    """
    return rules.caller(_certificate(context.auth_context()), bearer_token(_authorization(context)))


def _authorization(context: Context) -> str | None:
    sent = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
    if len(sent) > 1:
        raise Unauthenticated("send one authorization header, not several")
    if not sent:
        return None
    return sent[0] if isinstance(sent[0], str) else sent[0].decode("ascii", "replace")


def _certificate(shown: Mapping[str, Iterable[bytes]]) -> CertificateNames | None:
    """The names of the client's certificate, which the TLS layer has verified; None where it showed none."""
    if "x509_pem_cert" not in shown:
        return None
    common_names = _texts(shown.get("x509_common_name", ()))
    others = (*_texts(shown.get("peer_dns", ())), *_texts(shown.get("peer_uri", ())))
    return CertificateNames(common_names[0] if common_names else "", others)


def _texts(values: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(value.decode("utf-8", "replace") for value in values if value)
