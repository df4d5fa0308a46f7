"""A connection to the gateway whose directives are asked about, and words for everything that can go wrong on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal

import grpc

from sentinel_gateway.app.directives_door import Door
from sentinel_gateway.app.exits import Exit
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.ledger.reports.shown import visible
from sentinel_sdk import RetryConfig, SentinelClient, TlsConfig, environment, errors
from sentinel_sdk.types import DirectiveRecord, DirectiveStatus

_LEAST_OF_AN_ID = 4
_WHOLE_ID = 36
"""Characters of a UUID."""
_SEARCHED = 10_000
"""Directives looked through for an abbreviated id, newest first, beside all that wait."""
_RETRIES = 3
"""A person waits: an address that refuses is told after about a second."""
_PAGE = 1000
_EXITS: dict[type[errors.SentinelError], Exit] = {
    errors.ConnectionError: Exit.OUTSIDE,
    errors.DeadlineExceededError: Exit.OUTSIDE,
    errors.AuthenticationError: Exit.UNMET,
    errors.FailedPreconditionError: Exit.UNMET,
    errors.NotFoundError: Exit.USAGE,
    errors.InvalidArgumentError: Exit.USAGE,
}
_HINTS = {
    grpc.StatusCode.UNAUTHENTICATED: "prove who you are: --client-cert and --client-key, or --token-file",
    grpc.StatusCode.DEADLINE_EXCEEDED: "it may have been done all the same: look with `directives show`",
    grpc.StatusCode.UNIMPLEMENTED: "the gateway is older than this command",
    grpc.StatusCode.UNAVAILABLE: "is the endpoint right, and what it wants: --ca-cert for TLS, with --client-cert"
    " and --client-key where it asks for a certificate; --insecure where it has no TLS",
}


_DIAGNOSED = "no connection to "
"""How the client library begins where it has found out why; no guess of ours is better."""
_IN_OPTIONS = (
    ("leave tls_config out, or", "give --insecure, or"),
    ("give a tls_config, or allow_insecure_token=True", "give --ca-cert, or --insecure where that may be"),
    ("give a tls_config", "give --ca-cert"),
    ("a tls_config asks for TLS", "--ca-cert asks for TLS"),
    ("TlsConfig has ", ""),
    ("client_cert_path", "--client-cert"),
    ("client_key_path", "--client-key"),
    ("ca_cert_path", "--ca-cert"),
    ("give host:port, or set", "give --endpoint, or set"),
)
"""What the client library calls things in its messages, and what they are here; longer ones first."""


def in_options(words: str) -> str:
    """A message of the client library, speaking of options and not of its arguments."""
    for theirs, ours in _IN_OPTIONS:
        words = words.replace(theirs, ours)
    return words


def over(door: Door, work: Callable[[SentinelClient], int]) -> int:
    """Do something with a connected client; the exit code. Whatever is refused is told on standard error."""
    try:
        with _connected(door) as client:
            return work(client)
    except errors.SentinelError as error:
        return _told(error)


def exactly(client: SentinelClient, named: str) -> DirectiveRecord:
    """The directive with this whole id: what is decided unasked must not depend on which others there are.

    Raises:
        BadConfiguration: there is none.
    """
    try:
        return client.get_directive(named)
    except errors.NotFoundError:
        raise BadConfiguration(f"there is no directive {named!r}; --yes takes the whole id") from None


def found(client: SentinelClient, named: str) -> DirectiveRecord:
    """The directive with this id, or the only one whose id begins so.

    Ids are made by callers, so a short one may be the beginning of another: that is ambiguous, too.

    Raises:
        BadConfiguration: none, or several.
    """
    if len(named) >= _WHOLE_ID:
        return exactly(client, named)
    if len(named) < _LEAST_OF_AN_ID:
        raise BadConfiguration(f"{named!r} is too short: an abbreviated id has at least {_LEAST_OF_AN_ID} characters")
    waiting = client.iter_directives(status=DirectiveStatus.WAITING, limit=_PAGE)
    newest = islice(client.iter_directives(limit=_PAGE), _SEARCHED)
    matching = list({id_of(one): one for one in (*_beginning(named, waiting), *_beginning(named, newest))}.values())
    if not matching:
        raise BadConfiguration(f"there is no directive {named!r}; `sentinel-gateway directives list --all` lists them")
    if len(matching) > 1:
        ids = ", ".join(id_of(one) for one in matching[:5])
        more = f" and {len(matching) - 5} more" if len(matching) > 5 else ""
        raise BadConfiguration(f"{len(matching)} directives begin with {named!r}: {ids}{more}; give more of the id")
    return matching[0]


def id_of(record: DirectiveRecord) -> str:
    """Its id."""
    return record.directive.directive_id if record.directive else ""


@contextmanager
def _connected(door: Door) -> Iterator[SentinelClient]:
    tls, token = _tls(door), _token(door.token_file)
    with SentinelClient.connect(
        door.endpoint,
        tls_config=tls,
        token=token,
        retry_config=RetryConfig(max_retries=_RETRIES),
        default_timeout=door.timeout,
        allow_insecure_token=door.insecure,
    ) as client:
        yield client


def _tls(door: Door) -> TlsConfig | Literal[False] | None:
    """What was given, each piece that was not from the environment; None leaves all of it to the environment."""
    given = (door.ca_cert, door.client_cert, door.client_key)
    if door.insecure:
        if any(given):
            raise BadConfiguration("--insecure means no TLS: leave out --ca-cert, --client-cert and --client-key")
        return False
    if not any(given):
        return None
    usual = environment.read(os.environ).tls_config or TlsConfig()
    paths = [str(one) if one else None for one in given]
    return TlsConfig(
        ca_cert_path=paths[0] or usual.ca_cert_path,
        client_cert_path=paths[1] or usual.client_cert_path,
        client_key_path=paths[2] or usual.client_key_path,
    )


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"--token-file {str(path)!r} cannot be read: {error}") from error
    if not token:
        raise BadConfiguration(f"--token-file {str(path)!r} is empty")
    return token


def _beginning(named: str, records: Iterator[DirectiveRecord]) -> list[DirectiveRecord]:
    return [one for one in records if id_of(one).startswith(named)]


def _told(error: errors.SentinelError) -> Exit:
    words = in_options(str(error))
    hint = _HINTS.get(error.code) if error.code and not words.startswith(_DIAGNOSED) else None
    sys.stderr.write(f"sentinel-gateway: {visible(words)}{f'; {hint}' if hint else ''}\n")
    if error.code is grpc.StatusCode.UNAUTHENTICATED:
        return Exit.USAGE
    return next((_EXITS[kind] for kind in type(error).__mro__ if kind in _EXITS), Exit.OUTSIDE)
