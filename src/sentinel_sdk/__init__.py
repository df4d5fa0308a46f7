"""A client for SENTINEL gateways, blocking and asynchronous; `docs/sentinel-sdk.md` is its guide.

`sentinel_sdk.ledger` and `sentinel_sdk.signing` are the formats that a client and a gateway must agree on; they need no
connection.
"""

from __future__ import annotations

from sentinel_sdk import types
from sentinel_sdk.client import SentinelClient
from sentinel_sdk.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ClosedError,
    ConnectionError,  # noqa: A004 - the documented name
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    SentinelError,
    VerificationError,
)
from sentinel_sdk.retry import RetryConfig
from sentinel_sdk.tls import TlsConfig
from sentinel_sdk.types import *  # noqa: F403 - every type is public here, too; types.__all__ lists them

__all__ = [
    "AlreadyExistsError",
    "AuthenticationError",
    "ClosedError",
    "ConnectionError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "NotFoundError",
    "OutOfRangeError",
    "RetryConfig",
    "SentinelClient",
    "SentinelError",
    "TlsConfig",
    "VerificationError",
]
__all__ += types.__all__
