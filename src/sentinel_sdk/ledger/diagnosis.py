"""From the row where a chain breaks, and the one after it, to the first bad entry and what happened to it.

An entry's hash holds its id, so a row that stands in a wrong place can be asked where it belongs; that tells what was
taken out or put in from what was rewritten. Whoever recomputes hashes leaves a trace one entry later: its successor
still names the old one.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_sdk.ledger.chain import ChainRow, GpuParts, hash_at
from sentinel_sdk.ledger.verification import Fault, FaultKind

_SEARCH_BYTES = 1 << 30
_DATABASE_WRITER = "Somebody with write access to the database did this, or its storage is damaged"
_COMPARE = "Compare with a backup or an export, look at who had access, and keep the database as evidence"


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain broke."""

    expected_id: int
    previous_hash: bytes
    """Hash of the last good entry."""
    row: ChainRow
    """What stands in the place."""
    following: ChainRow | None
    """What comes after it; None at the end."""
    first_id: int
    """The first entry that was looked at."""
    highest_id: int
    """No entry is beyond this."""
    parts: GpuParts


def diagnose(broken: Break) -> Fault:
    """The first bad entry and its kind."""
    entry_id = broken.row[0]
    if hash_at(broken.row, 1, broken.parts) is None:
        return _changed(broken)
    if entry_id < broken.expected_id:
        return _never_recorded(broken, max(entry_id, 1), f"entry {broken.expected_id}", f"another entry {entry_id}")
    if entry_id > broken.expected_id:
        return _gap(broken)
    if hash_at(broken.row, entry_id, broken.parts) == broken.row[6]:
        return _unlinked(broken)
    return _misplaced(broken) or _changed(broken)


def _gap(broken: Break) -> Fault:
    expected, entry_id = broken.expected_id, broken.row[0]
    if broken.following is not None and expected <= broken.following[0] <= entry_id:
        return _swapped(broken, entry_id)
    missing = f"entry {expected}" if entry_id == expected + 1 else f"entries {expected} to {entry_id - 1}"
    return _dropped(expected, f"entry {entry_id} after entry {expected - 1}: {missing} missing")


def _unlinked(broken: Break) -> Fault:
    """The row is sound by itself but does not follow the one before it: one of the two was rewritten, hash and all."""
    expected, row, following = broken.expected_id, broken.row, broken.following
    is_original = following is None or following[5] == row[6]
    if is_original and expected > broken.first_id:
        return Fault(
            FaultKind.CHANGED,
            expected - 1,
            f"the hash {row[5].hex()}, which entry {expected} names",
            f"the hash {broken.previous_hash.hex()}",
            "It was rewritten together with its hash. " + _DATABASE_WRITER,
            _COMPARE,
        )
    return Fault(
        FaultKind.CHANGED,
        expected,
        f"previous_hash {broken.previous_hash.hex()}, the hash of entry {expected - 1}",
        f"previous_hash {row[5].hex()}",
        "It was rewritten together with its hash. " + _DATABASE_WRITER,
        _COMPARE,
    )


def _misplaced(broken: Break) -> Fault | None:
    """An entry that belongs elsewhere, or one that pushed another away; None where neither can be shown."""
    expected, following, place = broken.expected_id, broken.following, _place_of(broken)
    if place is None:
        if following is None or following[5] != broken.previous_hash or not _belongs(broken, following, expected):
            return None
        return _never_recorded(broken, expected, f"what now is entry {following[0]}", "an entry that belongs nowhere")
    if following is not None and not _belongs(broken, following, place + 1):
        return _swapped(broken, place)
    if place > expected:
        return _dropped(expected, f"what was entry {place}, moved up to close the gap")
    return _never_recorded(broken, max(place, broken.first_id), f"what now is entry {expected}", "an entry before it")


def _place_of(broken: Break) -> int | None:
    """The id under which the row's hash is right, the nearest places first; looked for within a second or so."""
    middle, highest = broken.expected_id, max(broken.highest_id, broken.expected_id) + 1
    reach = min(highest, _SEARCH_BYTES // (1024 + len(broken.row[4])))
    for distance in range(1, reach + 1):
        for place in (middle + distance, middle - distance):
            if 1 <= place <= highest and _belongs(broken, broken.row, place):
                return place
    return None


def _belongs(broken: Break, row: ChainRow, place: int) -> bool:
    return hash_at(row, place, broken.parts) == row[6]


def _changed(broken: Break) -> Fault:
    expected, row = broken.expected_id, broken.row
    content = hash_at((*row[:5], broken.previous_hash, row[6]), expected, broken.parts)
    wanted, found = f"the hash {_hex(content)} of its content", f"the stored hash {_hex(row[6])}"
    if content is None:
        wanted, found = (
            "columns that can be hashed",
            "a value out of range, of another type, or a GPU that is not stored",
        )
    elif content == row[6]:
        wanted, found = f"previous_hash {broken.previous_hash.hex()}", f"previous_hash {_hex(row[5])}"
    elif broken.following is not None and broken.following[5] == content:
        found += ", while its content is what the next entry vouches for: only the hash was changed"
    else:
        found += ": type, time, GPU or data were changed"
    return Fault(FaultKind.CHANGED, expected, wanted, found, _DATABASE_WRITER, _COMPARE)


def _dropped(entry_id: int, found: str) -> Fault:
    return Fault(
        FaultKind.DROPPED,
        entry_id,
        f"entry {entry_id}",
        found,
        "Entries were deleted without retention recording it",
        _COMPARE,
    )


def _swapped(broken: Break, place: int) -> Fault:
    return Fault(
        FaultKind.SWAPPED,
        broken.expected_id,
        f"entry {broken.expected_id}",
        f"what was recorded as entry {place}",
        "Entries were put in another order, which no crash does",
        _COMPARE,
    )


def _never_recorded(broken: Break, entry_id: int, expected: str, found: str) -> Fault:
    return Fault(
        FaultKind.INSERTED,
        entry_id,
        f"{expected} after entry {broken.expected_id - 1}",
        found,
        "Somebody added an entry without recording it",
        _COMPARE,
    )


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)
