"""From the description of an operation to the methods that carry it out: one blocking, one to be awaited.

A description is a function that returns a `Call` or `Pages`. The method made from it has its arguments, its docstring
and its name (with an ``a`` in front for the asynchronous one), and returns what the call answers.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sentinel_sdk import awaiting, blocking
from sentinel_sdk.conversion import prepared
from sentinel_sdk.errors import invalid
from sentinel_sdk.rpc import Answer, Call, Item, Page, Pages
from sentinel_sdk.session import Session
from sentinel_sdk.types.message import Message

_P = ParamSpec("_P")
_Described = TypeVar("_Described", bound=Callable[..., object])
_PLAIN = (str, datetime, Message)


def called(build: Callable[_P, Call[Answer]]) -> Callable[Concatenate[Session, _P], Answer]:
    """A method that blocks until the answer is there."""
    fits = _fitting(build)

    def method(self: Session, /, *args: _P.args, **kwargs: _P.kwargs) -> Answer:
        connection = self._open_blocking(build.__name__)
        fits(*args, **kwargs)
        return blocking.run(connection, self.policy, prepared(lambda: build(*args, **kwargs)))

    return _described(method, build, build.__name__, _answer(build))


def awaited(build: Callable[_P, Call[Answer]]) -> Callable[Concatenate[Session, _P], Coroutine[Any, Any, Answer]]:
    """A coroutine function that returns the answer."""
    fits = _fitting(build)

    async def method(self: Session, /, *args: _P.args, **kwargs: _P.kwargs) -> Answer:
        connection = self._open_awaiting("a" + build.__name__)
        fits(*args, **kwargs)
        return await awaiting.run(connection, self.policy, prepared(lambda: build(*args, **kwargs)))

    return _described(method, build, "a" + build.__name__, _answer(build))


def iterated(build: Callable[_P, Pages[Page, Item]]) -> Callable[Concatenate[Session, _P], Iterator[Item]]:
    """A method that returns an iterator over the items of all pages."""
    fits = _fitting(build)

    def method(self: Session, /, *args: _P.args, **kwargs: _P.kwargs) -> Iterator[Item]:
        connection = self._open_blocking(build.__name__)
        fits(*args, **kwargs)
        return blocking.pages(connection, self.policy, prepared(lambda: build(*args, **kwargs)))

    return _described(method, build, build.__name__, Iterator)


def aiterated(build: Callable[_P, Pages[Page, Item]]) -> Callable[Concatenate[Session, _P], AsyncIterator[Item]]:
    """A method that returns an asynchronous iterator over the items of all pages."""
    fits = _fitting(build)

    def method(self: Session, /, *args: _P.args, **kwargs: _P.kwargs) -> AsyncIterator[Item]:
        connection = self._open_awaiting("a" + build.__name__)
        fits(*args, **kwargs)
        return awaiting.pages(connection, self.policy, prepared(lambda: build(*args, **kwargs)))

    return _described(method, build, "a" + build.__name__, AsyncIterator)


def _fitting(build: Callable[..., object]) -> Callable[..., None]:
    """Says whether arguments are of the types that `build` takes, as far as no conversion would say it better."""
    signature, hints = inspect.signature(build), typing.get_type_hints(build)
    plain = {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, _PLAIN)}

    def fits(*args: object, **kwargs: object) -> None:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in plain and not isinstance(value, plain[name]):
                raise invalid(f"{build.__name__}: {name} must be of type {plain[name].__name__}, not {value!r:.100}")

    return fits


def _answer(build: Callable[..., object]) -> object:
    """``X`` of a function that returns ``Call[X]``."""
    return typing.get_args(typing.get_type_hints(build)["return"])[0]


def _described(method: _Described, build: Callable[..., object], name: str, returns: object) -> _Described:
    """`method`, so that help() and editors show what it takes and returns."""
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.signature(build)
    method.__doc__ = build.__doc__
    method.__name__ = name
    method.__qualname__ = f"SentinelClient.{name}"
    method.__module__ = "sentinel_sdk.client"
    vars(method)["__signature__"] = signature.replace(
        parameters=[own, *signature.parameters.values()], return_annotation=returns
    )
    return method
