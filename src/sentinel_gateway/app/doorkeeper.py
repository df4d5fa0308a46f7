"""Callers of both wires: who they are over HTTP, and the book in which refused ones are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from starlette.requests import Request

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.access import AccessRules, CertificateNames, bearer_token
from sentinel_gateway.domain.errors import Unauthenticated
from sentinel_gateway.domain.roles import Caller

log = structlog.get_logger(__name__)

EVENT = "auth.refused"


class Doorkeeper:
    """Knows callers by the operator's rules, and writes refusals to the ledger, to the log and to the metrics."""

    def __init__(self, rules: Callable[[], AccessRules], core: Core, count: Callable[[str], None]) -> None:
        self._rules = rules
        self._core = core
        self._count = count

    def caller(self, request: Request) -> Caller:
        """Who asks over HTTP.

        Raises:
            Unauthenticated: nobody we know, or what is shown cannot be read.
        """
        headers = request.headers.getlist("authorization")
        if len(headers) > 1:
            raise Unauthenticated("send one authorization header, not several")
        shown: Mapping[str, Any] | None = getattr(request.state, "peer_certificate", None)  # as ssl.getpeercert has it
        names = _names(shown) if shown else None
        return self._rules().caller(names, bearer_token(headers[0] if headers else None))

    def refused(self, who: str, what: str, why: str, peer: str) -> None:
        """Somebody was not let in. The ledger gets no peer: its address changes with every connection."""
        self._count(why)
        log.info("auth.refused", who=who, what=what, why=why, peer=peer)
        self._core.note(EVENT, who=who, what=what, why=why)


def _names(certificate: Mapping[str, Any]) -> CertificateNames:
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    others = certificate.get("subjectAltName", ())
    return CertificateNames(
        common_name=next((value for name, value in subject if name == "commonName"), ""),
        dns=tuple(value for kind, value in others if kind == "DNS"),
        uris=tuple(value for kind, value in others if kind == "URI"),
    )
