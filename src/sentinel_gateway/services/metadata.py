"""Our own keys in a call's metadata."""

from __future__ import annotations

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.services.authentication import Context

_MOST_CHARACTERS = 200


def sent_text(context: Context, key: str) -> str:
    """What the caller sent under `key`; empty where nothing.

    Raises:
        Invalid: sent twice, or too long to be what it should be.
    """
    values = [value for name, value in context.invocation_metadata() or () if name == key]
    if len(values) > 1:
        raise Invalid(f"metadata {key!r} was sent {len(values)} times; send it once")
    text = values[0] if values else ""
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    if len(text) > _MOST_CHARACTERS:
        raise Invalid(f"metadata {key!r} has {len(text)} characters, at most {_MOST_CHARACTERS} are taken")
    return text
