"""Who calls, from what gRPC knows of a connection; and the caller of the running call, for the service."""

from __future__ import annotations

from contextvars import ContextVar

from sentinel_node.domain.access import AccessRules, Caller, CertificateNames, bearer_token
from sentinel_node.domain.errors import Unauthenticated
from sentinel_serving import callers
from sentinel_serving.callers import Context
from sentinel_serving.tokens import UnusableTokens

__all__ = ["CALLER", "Context", "caller_of"]

CALLER: ContextVar[Caller] = ContextVar("sentinel_node_caller")
"""Set by the border before the service runs; gRPC runs each call in a context of its own."""


def caller_of(context: Context, rules: AccessRules) -> Caller:
    """Who is calling.

    Raises:
        Unauthenticated: nobody we know, or what it shows cannot be read.
    """
    return rules.caller(_certificate(context), bearer_token(_authorization(context)))


def _certificate(context: Context) -> CertificateNames | None:
    shown = callers.certificate(context)
    return None if shown is None else CertificateNames(shown.common_name, (*shown.dns, *shown.uris))


def _authorization(context: Context) -> str | None:
    try:
        return callers.authorization(context)
    except UnusableTokens as error:
        raise Unauthenticated(str(error)) from error
