"""Lists: consistent pages over a changing store, by the resourceVersion rules of the Kubernetes API.

A continue token names a resourceVersion and the key to go on from. Later pages are cut from the store as it stood
then, which works until history is compacted; then the token answers 410, with a token for the inconsistent rest.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from sentinel_fleet.kube.collection import Collection, scan
from sentinel_fleet.kube.history import Compacted
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.record import Key, Record
from sentinel_fleet.kube.selectors import Selector
from sentinel_fleet.kube.status import (
    ApiError,
    FieldError,
    bad_request,
    expired,
    failure,
    invalid_kind,
    too_large_version,
)

_INCONSISTENT = -1
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The query of a list or watch, checked."""

    limit: int = 0
    token: str = ""
    rv: str = ""
    match: str = ""
    watch: bool = False
    initial_events: bool | None = None
    bookmarks: bool = False
    timeout_s: float = 0.0

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> ListOptions:
        """Read and check the parameters.

        Raises:
            ApiError: 400 for malformed numbers, 422 for combinations the API forbids; 500 where a watch begins at a
                version that is none, as the real server has it.
        """
        initial = query.get("sendInitialEvents")
        options = cls(
            limit=_number(query, "limit"),
            token=query.get("continue", ""),
            rv=query.get("resourceVersion", ""),
            match=query.get("resourceVersionMatch", ""),
            watch=is_true(query.get("watch")),
            initial_events=None if initial is None else is_true(initial),
            bookmarks=is_true(query.get("allowWatchBookmarks")),
            timeout_s=float(_number(query, "timeoutSeconds")),
        )
        errors = options._watch_errors() if options.watch else options._list_errors()
        if errors:
            raise invalid_kind("meta.k8s.io", "ListOptions", "", errors)
        if options.rv and not options.rv.isdigit():
            raise options._unreadable_version()
        return options

    def _unreadable_version(self) -> ApiError:
        quoted = json.dumps(self.rv)
        why = f"resourceVersion: Invalid value: {quoted}: strconv.ParseUint: parsing {quoted}: invalid syntax"
        return failure(500, "", why) if self.watch else bad_request(f"invalid resource version: {why}")

    def _list_errors(self) -> list[FieldError]:
        errors, field = [], "resourceVersionMatch"
        if self.match and not self.rv:
            errors.append(_forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        if self.match and self.token:
            errors.append(_forbidden(field, "resourceVersionMatch is forbidden when continue is provided"))
        if self.match not in ("", "Exact", "NotOlderThan"):
            detail = 'supported values: "Exact", "NotOlderThan", ""'
            errors.append(FieldError("FieldValueNotSupported", field, self.match, detail))
        if self.match == "Exact" and self.rv == "0":
            errors.append(_forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
        if self.initial_events is not None:
            errors.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
        return errors

    def _watch_errors(self) -> list[FieldError]:
        errors, field = [], "resourceVersionMatch"
        if self.initial_events is not None and self.match != "NotOlderThan":
            errors.append(_forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
        if self.match and self.initial_events is None:
            detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            errors.append(_forbidden(field, detail))
        return errors


def is_true(text: str | None) -> bool:
    """A boolean query parameter as Go reads it; present and empty counts as true."""
    return text is not None and text.lower() in ("", "1", "t", "true")


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name) or "0"
    if not text.removeprefix("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return max(int(text), 0)


def _forbidden(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, None, detail)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    records: list[Record]
    rv: int
    token: str = ""
    remaining: int | None = None
    """How many objects follow, where that can be known (no selectors)."""

    def metadata(self) -> JsonObject:
        """The list's metadata."""
        shown: JsonObject = {"resourceVersion": str(self.rv)}
        if self.token:
            shown["continue"] = self.token
        if self.remaining is not None:
            shown["remainingItemCount"] = self.remaining
        return shown


def encode_token(rv: int, start: Key) -> str:
    """A continue token, opaque to clients."""
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": rv, "start": "/".join(start)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str) -> tuple[int, Key]:
    """The resourceVersion and key a token stands for.

    Raises:
        ApiError: 400 when it is no token of ours.
    """
    try:
        value = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = value["start"].partition("/")
        return int(value["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error


def list_page(collection: Collection, selector: Selector, options: ListOptions, current_rv: int) -> Page:
    """The page a list request asks for.

    Raises:
        ApiError: 400 for a bad token, 410 for an expired one or an expired resourceVersion, 504 for a future one.
    """
    if options.token:
        return _continued(collection, selector, options, current_rv)
    rv = int(options.rv or 0)
    if rv > current_rv:
        raise too_large_version(rv, current_rv)
    exact = options.match == "Exact" or (rv > 0 and options.limit > 0 and not options.match)
    # A list from resourceVersion 0 is served from the watch cache, which ignores the limit.
    limit = 0 if options.rv == "0" else options.limit
    if not exact or rv == current_rv:
        return _cut(collection, collection.select(selector), selector, limit, current_rv)
    try:
        keys, records = collection.at(rv)
    except Compacted as error:
        raise expired("The resourceVersion for the provided list is too old.") from error
    return _cut(collection, scan(keys, records, selector, ("", "")), selector, limit, rv)


def _continued(collection: Collection, selector: Selector, options: ListOptions, current_rv: int) -> Page:
    if options.rv not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    rv, start = decode_token(options.token)
    inconsistent = rv == _INCONSISTENT
    try:
        keys, records = collection.at(current_rv if inconsistent else rv)
    except Compacted as error:
        raise expired(_TOO_OLD, encode_token(_INCONSISTENT, start)) from error
    shown_rv = current_rv if inconsistent else rv
    return _cut(collection, scan(keys, records, selector, start), selector, options.limit, shown_rv)


def _cut(collection: Collection, found: Iterator[Record], selector: Selector, limit: int, rv: int) -> Page:
    if not limit:
        return Page(list(found), rv)
    records = list(islice(found, limit + 1))
    if len(records) <= limit:
        return Page(records, rv)
    last = records[limit - 1].key
    following = (last[0], last[1] + "\0")
    remaining = _remaining(collection, selector, following, rv) if selector.unfiltered else None
    return Page(records[:limit], rv, encode_token(rv, following), remaining)


def _remaining(collection: Collection, selector: Selector, start: Key, rv: int) -> int:
    keys, _ = collection.at(rv)
    end = bisect_left(keys, (selector.namespace + "\0", "")) if selector.namespace else len(keys)
    return end - bisect_left(keys, start)
