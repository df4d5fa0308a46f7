"""Whether an address can be reached: a TCP connection, with TLS for https, opened and closed. Nothing is sent.

For `doctor`, which must not post to people. The certificates trusted are those the HTTP client trusts, so that what is
reached here is reached by it. Only scheme, host and port are named in errors: the rest of an address may be a secret.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import httpx2

from gcm_sentinel.domain.errors import Unreachable

_TIMEOUT = timedelta(seconds=10)
_PORTS = {"http": 80, "https": 443}


async def reach(url: str, *, timeout: timedelta = _TIMEOUT) -> str:  # noqa: ASYNC109  kept by asyncio.timeout
    """Connect to where an http(s) address leads; its scheme, host and port.

    Raises:
        Unreachable: no connection, no TLS with a certificate that is trusted, or not in time.
    """
    scheme, host, port = _address(url)
    place = f"{scheme}://{host}:{port}"
    trusted = _trusted() if scheme == "https" else None
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await _connect(host, port, trusted)
    except TimeoutError as error:
        raise Unreachable(f"no connection to {place} within {timeout.total_seconds():g} s") from error
    except OSError as error:  # a name that is not known, a refused connection, a certificate that is not trusted
        raise Unreachable(f"cannot reach {place}: {error.strerror or error}") from error
    except ValueError as error:  # a UnicodeError among them
        raise Unreachable(f"cannot reach {place}: that is no host name") from error
    return place


def _address(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. What cannot be read is not repeated: which part of it is a secret cannot be told."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Unreachable("it is no address: its host cannot be read") from error
    try:
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
    except ValueError as error:
        raise Unreachable(f"{parts.scheme}://{parts.hostname} has a port that does not exist") from error


def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted; where SSL_CERT_FILE or SSL_CERT_DIR names others, those."""
    try:
        return httpx2.create_ssl_context()
    except (OSError, ValueError) as error:
        words = "the certificates to trust cannot be read: look at SSL_CERT_FILE and SSL_CERT_DIR"
        raise Unreachable(f"{words} ({getattr(error, 'strerror', None) or error})") from error


async def _connect(host: str, port: int, trusted: ssl.SSLContext | None) -> None:
    _, writer = await asyncio.open_connection(host, port, ssl=trusted)
    writer.transport.abort()  # a server that does not answer the end of TLS must not count as out of reach
    with suppress(OSError):
        await writer.wait_closed()
