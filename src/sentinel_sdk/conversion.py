"""Between values and messages, on the way out and on the way in: what does not fit becomes an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from sentinel_sdk.errors import SentinelError, invalid
from sentinel_sdk.rpc import Answer, Call, Reply, Response

_Made = TypeVar("_Made")


def prepared(make: Callable[[], _Made]) -> _Made:
    """What `make` makes of a caller's arguments.

    Raises:
        InvalidArgumentError: a value no message can hold: of another type, or a number that is too large for its field.
    """
    try:
        return make()
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise invalid(str(error)) from error


def read(call: Call[Answer], reply: Reply[Response]) -> Answer:
    """The call's answer.

    Raises:
        SentinelError: the reply holds something no value can hold, a time in the year 20000, say.
    """
    try:
        return call.answer(reply)
    except (OverflowError, ValueError) as error:
        raise SentinelError(f"the answer to {call.method.path} cannot be read: {error}") from error


def texts(metadata: Iterable[tuple[str, str | bytes]] | None) -> Mapping[str, str]:
    """The metadata that is text."""
    return {key: value for key, value in metadata or () if isinstance(value, str)}


def can_be_sent(text: str) -> bool:
    """Whether `text` can be a value of metadata, which gRPC takes in printable ASCII only."""
    return text.isascii() and text.isprintable()
