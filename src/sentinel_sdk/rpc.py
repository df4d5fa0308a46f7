"""One remote call as a value: what is sent where, how the answer is read, whether it may be sent again.

Functions in `sentinel_sdk.calls` make such values; `blocking` and `awaiting` carry them out. Nothing here knows which
of the two it will be, so no operation is written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message as Proto

Request = TypeVar("Request", bound=Proto)
Response = TypeVar("Response", bound=Proto)
Answer = TypeVar("Answer")
Page = TypeVar("Page")
Item = TypeVar("Item")
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Response]):
    """A method of the protocol. Named by its path, because servers offer two that no definition declares."""

    path: str
    request: type[Request]
    response: type[Response]

    def serialize(self, message: Request) -> bytes:
        """A request for the wire."""
        return message.SerializeToString()

    def parse(self, content: bytes) -> Response:
        """An answer from the wire."""
        return self.response.FromString(content)


@dataclass(frozen=True, slots=True)
class Reply(Generic[Response]):
    """What came back: one message, or all messages of a stream that ended well."""

    messages: Sequence[Response]
    trailing: Mapping[str, str]

    @property
    def message(self) -> Response:
        """The only message."""
        return self.messages[0]


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """A call that is ready to be carried out, and what becomes of its reply."""

    # The classes of request and response are the maker's business: `call` and `download` check that they fit.
    method: Method[Any, Any]
    request: Proto
    answer: Callable[[Reply[Any]], Answer]
    repeatable: bool
    """The same request twice does what it does once."""
    metadata: Metadata
    streamed: bool
    """The answer comes in parts, and counts when it is whole."""


@dataclass(frozen=True, slots=True)
class Pages(Generic[Page, Item]):
    """A list that is read in pages."""

    at: Callable[[str], Call[Page]]
    """The call for the page at a token; the first page's is the empty one."""
    items: Callable[[Page], Sequence[Item]]
    next_token: Callable[[Page], str]


def call(
    method: Method[Request, Response],
    request: Request,
    answer: Callable[[Reply[Response]], Answer],
    *,
    repeatable: bool = True,
    metadata: Metadata = (),
) -> Call[Answer]:
    """A call with one answer."""
    return Call(method, request, answer, repeatable, metadata, streamed=False)


def download(
    method: Method[Request, Response], request: Request, answer: Callable[[Reply[Response]], Answer]
) -> Call[Answer]:
    """A call whose answer comes in parts."""
    return Call(method, request, answer, repeatable=True, metadata=(), streamed=True)
