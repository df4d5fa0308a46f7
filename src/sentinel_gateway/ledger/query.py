"""Finding entries: by GPU, type and time, in the order of the ledger or against it, page by page.

In a ledger of a million entries every page must come from an index. Which one is decided here and not by the database,
whose guesses differ: the GPU's where one is given, else the type's, else the entries' own order between the first and
the last that lie in the time asked for. (A plus sign before a column keeps both databases from using its index.)

A page has few enough bytes for one answer. How large entries are is asked before any is read, which costs neither
database the reading of long data: were rows read until there are enough, the drivers would have them all in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.paging import fitting
from sentinel_gateway.domain.text import MAX_WORDS, checked_text
from sentinel_gateway.ledger.page_token import Place, place_of, token_of
from sentinel_sdk.ledger.entry import Entry, EntryGpu

PAGE_LIMIT = 1000
"""Most entries of one page."""
_FRAME_BYTES = 200
"""What ids, time, hashes and the names of fields take of an entry, at most."""
_SELECT = """
    SELECT e.entry_id, e.entry_type, e.timestamp_ns, e.data, e.previous_hash, e.entry_hash, b.root_hash, g.gpu_key,
           g.uuid, g.hostname, g.device_index, g.model, g.driver_version, g.firmware_version
    FROM ledger_entries e
    LEFT JOIN ledger_gpus g ON g.gpu_key = e.gpu_key
    LEFT JOIN ledger_batches b ON b.last_entry_id = e.entry_id
"""
_SIZE = f"""
    SELECT e.entry_id, {_FRAME_BYTES} + length(e.data) + coalesce(4 * (length(g.uuid) + length(g.hostname)
           + length(g.model) + length(g.driver_version) + length(g.firmware_version)), 0)
    FROM ledger_entries e
    LEFT JOIN ledger_gpus g ON g.gpu_key = e.gpu_key
"""  # noqa: S608 - a number of ours
"""The most bytes of each entry on the wire: a character has at most four."""
_RANGE = "e.entry_id BETWEEN :first AND :highest ORDER BY e.entry_id"
_KEYS = text("SELECT gpu_key FROM ledger_gpus WHERE uuid = :uuid")
_ENDS = text("SELECT (SELECT min(entry_id) FROM ledger_entries), (SELECT max(entry_id) FROM ledger_entries)")
_TIMES = "e.timestamp_ns >= :start AND e.timestamp_ns < :end"
_LOWEST_NS, _HIGHEST_NS = -(1 << 63), (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are asked for."""

    gpu_uuid: str = ""
    """Empty for all, those without a GPU too."""
    start_ns: int | None = None
    """Not before this time."""
    end_ns: int | None = None
    """Before this time."""
    entry_type: int = 0
    """0 for all."""
    descending: bool = False
    """The newest first."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the entries that were asked for."""

    entries: tuple[Entry, ...]
    next_token: str
    """Empty on the last page."""
    total_count: int
    """How many there were in all when the first page was read."""


def find_entries(connection: Connection, wanted: EntryFilter, limit: int, token: str = "") -> Page:
    """One page of the entries that fit: `limit` of them, or as many as `PAGE_BYTES` hold, but one at least.

    Raises:
        Invalid: a limit outside 1 to 1000, a time or a UUID that does not fit, or a token of another query.
    """
    if not 1 <= limit <= PAGE_LIMIT:
        raise Invalid(f"limit must be from 1 to {PAGE_LIMIT}, not {limit}")
    keys = _gpu_keys(connection, wanted.gpu_uuid)
    place = place_of(token, wanted) if token else _first_place(connection, wanted, keys)
    condition, values = _condition(wanted, keys, place)
    if not place.total:
        return Page((), "", 0)
    order = "DESC" if wanted.descending else "ASC"
    rows, is_last = _rows(connection, f"{condition} ORDER BY e.entry_id {order}", values, limit)
    entries = tuple(entry_of(row) for row in rows)
    if is_last:
        return Page(entries, "", place.total)
    return Page(entries, token_of(_after(place, entries[-1].entry_id), wanted), place.total)


def entry_of(row: Sequence[Any]) -> Entry:
    """The entry in a row of the select above."""
    entry_id, kind, time_ns, data, previous_hash, entry_hash, root, gpu_key, *gpu = row
    about = None if gpu_key is None else EntryGpu(*gpu)
    return Entry(
        entry_id, kind, time_ns, bytes(data), about, bytes(previous_hash), bytes(entry_hash), bytes(root or b"")
    )


def one_entry(connection: Connection, entry_id: int) -> Entry | None:
    """An entry by its id; None where there is none."""
    row = connection.execute(text(f"{_SELECT} WHERE e.entry_id = :entry_id"), {"entry_id": entry_id}).first()
    return None if row is None else entry_of(row)


def range_of_entries(connection: Connection, first: int, last: int | None) -> Iterator[Entry]:
    """Entries from `first` to `last` (None for the newest) in order, never all in memory."""
    highest = (1 << 63) - 1 if last is None else last
    is_last = False
    while not is_last:
        rows, is_last = _rows(connection, _RANGE, {"first": first, "highest": highest}, PAGE_LIMIT)
        yield from map(entry_of, rows)
        first = rows[-1][0] + 1 if rows else first


def _rows(
    connection: Connection, condition: str, values: dict[str, Any], limit: int
) -> tuple[Sequence[Sequence[Any]], bool]:
    """As many rows as one page holds of those that fulfil an ordered condition, and whether these are all."""
    sizes = connection.execute(text(f"{_SIZE} WHERE {condition} LIMIT :limit"), {**values, "limit": limit + 1}).all()
    count = fitting([size for _, size in sizes[:limit]])
    sql = text(f"{_SELECT} WHERE {condition} LIMIT :limit")
    rows = connection.execute(sql, {**values, "limit": count}).all() if count else ()
    return rows, count == len(sizes)


def _after(place: Place, entry_id: int) -> Place:
    return Place(entry_id, place.lowest, place.highest, place.total)


def _gpu_keys(connection: Connection, uuid: str) -> tuple[int, ...] | None:
    """The numbers of everything a GPU was ever described as; None where any GPU will do."""
    if not uuid:
        return None
    return tuple(connection.scalars(_KEYS, {"uuid": checked_text("gpu.uuid", uuid, MAX_WORDS)}))


def _first_place(connection: Connection, wanted: EntryFilter, keys: tuple[int, ...] | None) -> Place:
    """What the query covers now."""
    lowest, highest = connection.execute(_ENDS).one()
    if lowest is None or keys == ():
        return Place(0, 0, 0, 0)
    found = highest - lowest + 1
    if wanted.start_ns is not None or wanted.end_ns is not None:
        sql = f"SELECT min(entry_id), max(entry_id), count(*) FROM ledger_entries e WHERE {_TIMES}"  # noqa: S608 - our words
        lowest, highest, found = connection.execute(text(sql), _times(wanted)).one()
        if not found:
            return Place(0, 0, 0, 0)
    place = Place(0, lowest, highest, found)
    if keys is None and not wanted.entry_type:
        return place
    condition, values = _condition(wanted, keys, place)
    total = connection.scalar(text(f"SELECT count(*) FROM ledger_entries e WHERE {condition}"), values)  # noqa: S608 - ditto
    return Place(0, lowest, highest, int(total or 0))


def _times(wanted: EntryFilter) -> dict[str, int]:
    start = _LOWEST_NS if wanted.start_ns is None else wanted.start_ns
    end = _HIGHEST_NS if wanted.end_ns is None else wanted.end_ns
    if not (_LOWEST_NS <= start <= _HIGHEST_NS and _LOWEST_NS <= end <= _HIGHEST_NS):
        raise Invalid("start_time and end_time must lie between the years 1678 and 2262")
    return {"start": start, "end": end}


def _condition(wanted: EntryFilter, keys: tuple[int, ...] | None, place: Place) -> tuple[str, dict[str, Any]]:
    """What the rows of a page fulfil, leaving one index to be used."""
    lowest, highest = place.lowest, place.highest
    if place.after:
        lowest, highest = (lowest, place.after - 1) if wanted.descending else (place.after + 1, highest)
    parts = ["e.entry_id BETWEEN :lowest AND :highest"]
    values: dict[str, Any] = {"lowest": lowest, "highest": highest}
    if keys is not None:
        parts.append(f"e.gpu_key IN ({', '.join(map(str, keys)) or 'NULL'})")
    if wanted.entry_type:
        parts.append(f"{'' if keys is None else '+'}e.entry_type = :entry_type")
        values["entry_type"] = wanted.entry_type
    if wanted.start_ns is not None or wanted.end_ns is not None:
        parts.append("+e.timestamp_ns >= :start AND +e.timestamp_ns < :end")
        values |= _times(wanted)
    return " AND ".join(parts), values
