"""What an entry's data say, as exports and REST answers have it; the reading is `sentinel_sdk.ledger.content`'s."""

from __future__ import annotations

from typing import Any

from sentinel_sdk.ledger.content import Unread, fields_of, read


def decoded(entry_type: int, data: bytes) -> dict[str, Any] | None:
    """The message's name and its fields; None where the data are no message of this type."""
    told = described(entry_type, data)
    return None if told["decoded"] is None else {name: told["decoded"][name] for name in ("message", "value")}


def described(entry_type: int, data: bytes) -> dict[str, Any]:
    """`decoded` (message, value, and whether all of the data is in it), or None and `not_decoded`, which says why."""
    content = read(entry_type, data)
    if isinstance(content, Unread):
        return {"decoded": None, "not_decoded": content.reason}
    value = fields_of(content)
    if isinstance(value, Unread):
        return {"decoded": None, "not_decoded": value.reason}
    told = {"message": content.name, "value": value, "complete": content.complete}
    return {"decoded": told, "not_decoded": ""}
