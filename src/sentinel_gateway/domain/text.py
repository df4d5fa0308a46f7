"""Texts of others that are stored: how long they may be, and that every database can hold them."""

from __future__ import annotations

from sentinel_gateway.domain.errors import Invalid

MAX_NAME = 256
"""Names and ids."""
MAX_WORDS = 4096
"""Reasons, comments, descriptions."""
MAX_TIME_NS = (1 << 63) - 1
"""The last time that can be stored: in the year 2262."""


def checked_text(name: str, value: str, most: int) -> str:
    """`value`, where it can be stored.

    Raises:
        Invalid: more than `most` characters, a character NUL, or half of a surrogate pair.
    """
    if len(value) > most:
        raise Invalid(f"{name} has {len(value)} characters, at most {most} are taken")
    if not value.isascii() or "\0" in value:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Invalid(f"{name} is not valid Unicode") from error
        if "\0" in value:
            raise Invalid(f"{name} contains a NUL character")
    return value


def checked_time(name: str, time_ns: int | None) -> int | None:
    """`time_ns`, where it can be stored.

    Raises:
        Invalid: before 1970 or after 2262.
    """
    if time_ns is not None and not 0 <= time_ns <= MAX_TIME_NS:
        raise Invalid(f"{name} must be a time between 1970 and 2262")
    return time_ns
