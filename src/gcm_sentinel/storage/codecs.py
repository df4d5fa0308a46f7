"""How values are written into columns and read back: times, flags, lists, text.

Reading is strict, because a row may have been damaged: what does not fit raises one of `DAMAGE`, and `readable` reports
that row once and leaves it out, so that one bad row never takes the others with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar, overload

import structlog
from sqlalchemy import Row

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.jsontypes import Json

log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

DAMAGE = (ValueError, TypeError, KeyError, OverflowError, RecursionError, BadConfiguration)
"""What reading a damaged row raises: unknown words, broken JSON, a number where a text belongs."""


@overload
def micros(moment: datetime) -> int: ...
@overload
def micros(moment: None) -> None: ...
def micros(moment: datetime | None) -> int | None:
    """Microseconds since 1970 of an aware time; exact, unlike a float timestamp."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def when(stored: int) -> datetime:
    """The time that `micros` wrote, in UTC."""
    return _EPOCH + timedelta(microseconds=stored)


def when_known(stored: int | None) -> datetime | None:
    """The time that `micros` wrote; None where there was none."""
    return None if stored is None else _EPOCH + timedelta(microseconds=stored)


def clean(text: str) -> str:
    """`text` as every database takes it: no NUL and no half of a surrogate pair, which PostgreSQL refuses."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def to_json(value: Json) -> str:
    """Compact JSON in ASCII, so that any character a message may hold is stored and read back unchanged."""
    return json.dumps(value, separators=(",", ":"))


def from_json(stored: str) -> Any:  # noqa: ANN401 - the caller reads it with JsonReader or checks the type
    """The value `to_json` wrote.

    Raises:
        ValueError: not JSON.
    """
    return json.loads(stored)


def texts(stored: str) -> tuple[str, ...]:
    """A stored list of texts.

    Raises:
        ValueError: not a JSON list of texts.
    """
    items = from_json(stored)
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"expected a list of texts, found {stored[:60]!r}")
    return tuple(items)


def readable(rows: Iterable[Row[Any]], build: Callable[[Row[Any]], _T], *, table: str) -> Iterator[_T]:
    """What `build` makes of each row; a damaged row is reported and left out.

    The first column of the row is its key, for the report.
    """
    for row in rows:
        try:
            yield build(row)
        except DAMAGE as error:
            _report_once(table, str(row[0]), f"{type(error).__name__}: {error}")


def forget_reports() -> None:
    """Report damaged rows again that were reported before."""
    _report_once.cache_clear()


@lru_cache(maxsize=4096)  # a row that is read every second is reported once, not every second
def _report_once(table: str, key: str, error: str) -> None:
    log.error("storage.row_damaged", table=table, key=key, error=error, left_out=True)
