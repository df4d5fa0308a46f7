"""Who calls, from what gRPC knows of a connection; and the caller of the running call, for the services."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from sentinel_gateway.domain.access import AccessRules, CertificateNames, bearer_token
from sentinel_gateway.domain.errors import Bug, Unauthenticated
from sentinel_gateway.domain.roles import Caller
from sentinel_serving import callers
from sentinel_serving.callers import Context
from sentinel_serving.tokens import UnusableTokens

__all__ = ["CALLER", "Context", "caller_of", "calling"]

CALLER: ContextVar[Caller] = ContextVar("sentinel_gateway_caller")
"""Set by the border before a service runs; gRPC runs each call in a context of its own."""


def calling() -> Caller:
    """Who called the method that is running.

    Raises:
        Bug: outside of a call, or in a method that is open to everybody.
    """
    try:
        return CALLER.get()
    except LookupError:
        raise Bug("a service asked who calls it where nobody was asked") from None


def caller_of(context: Context, rules: Callable[[], AccessRules]) -> Caller:
    """Who is calling.

    Raises:
        Unauthenticated: nobody we know, or what it shows cannot be read.
    """
    return rules().caller(_certificate(context), bearer_token(_authorization(context)))


def _certificate(context: Context) -> CertificateNames | None:
    shown = callers.certificate(context)
    return None if shown is None else CertificateNames(shown.common_name, shown.dns, shown.uris)


def _authorization(context: Context) -> str | None:
    try:
        return callers.authorization(context)
    except UnusableTokens as error:
        raise Unauthenticated(str(error)) from error
