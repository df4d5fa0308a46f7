"""The knowledge base's tables: CSV files under ``knowledge/``, one row a fact, each with its sources.

Everything about Xids, SXids, DCGM fields and memory rules that the product knows stands in those files and nowhere in
code, so an operator can read, check and extend it. The columns ``key``, ``name``, ``meaning``, ``immediate``,
``recurring``, ``notes`` and ``source`` are common; what else a table has is told in an entry's notes. Tables are read
at the first look-up and kept.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from gcm_sentinel.domain.errors import BadConfiguration

TABLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "xid": ("xids",),
    "xid_pattern": ("xid_patterns",),
    "sxid": ("sxids", "sxid_ranges"),
    "dcgm_field": ("dcgm_fields",),
    "dcgm_health": ("dcgm_health",),
    "remap": ("remap",),
    "rma": ("rma",),
    "clock_event": ("clock_events",),
    "recovery_action": ("recovery_actions",),
    "nvlink_word": ("nvlink_words",),
    "nvlink5_unit": ("nvlink5_units",),
})  # fmt: skip
"""Kind of look-up -> the tables it reads, the more specific first."""

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class XidFacts:
    """What the catalogue knows of one Xid."""

    number: int
    name: str
    kind: str
    """As `XidSummary.kind`: application, driver, hardware, memory, nvlink, bus, thermal, follower ..."""
    meaning: str
    immediate: str
    recurring: str
    notes: str
    source: str

    @property
    def is_hardware_class(self) -> bool:
        """Whether it may lead a burst before application errors and followers do."""
        return self.kind in HARDWARE_CLASSES


HARDWARE_CLASSES: Final = frozenset({"hardware", "memory", "nvlink", "bus", "thermal", "driver"})


@cache
def table(name: str) -> tuple[Row, ...]:
    """The rows of one table in file order.

    Raises:
        BadConfiguration: there is no such table.
    """
    path = files("gcm_sentinel.datasources").joinpath("knowledge", f"{name}.csv")
    if not path.is_file():
        raise BadConfiguration(f"no knowledge table {name!r}")
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(MappingProxyType(row) for row in csv.DictReader(lines))


@cache
def by_key(name: str) -> Mapping[str, Row]:
    """The rows of one table by their key, upper case."""
    return MappingProxyType({row["key"].upper(): row for row in table(name)})


@cache
def sources() -> Mapping[str, str]:
    """Source id -> title and address."""
    return MappingProxyType({row["key"]: f"{row['title']} ({row['url']})" for row in table("sources")})


def xid(number: int) -> XidFacts:
    """The facts of an Xid; one the catalogue does not have comes back with kind and name ``unknown``."""
    row = by_key("xids").get(str(number))
    if row is None:
        return XidFacts(number, "unknown", "unknown", "", "", "", "not in the catalogue", "")
    return XidFacts(
        number,
        row["name"],
        row["class"],
        row["meaning"],
        row["immediate"],
        row["recurring"],
        row["notes"],
        row["source"],
    )


def find(kind: str, key: str) -> Row | None:
    """The row of a kind that `key` names; None when the knowledge base has none."""
    word = key.strip().upper()
    first, *rest = TABLES[kind]
    found = by_key(first).get(word) or _loosely(kind, word)
    if found is None and rest and word.isdecimal():
        return _in_range(rest[0], int(word))
    return found


def _loosely(kind: str, word: str) -> Row | None:
    """Another spelling of a key: a renamed field, a code without its prefix, a name instead of a number."""
    rows = table(TABLES[kind][0])
    bare = word.removeprefix("DCGM_FR_").removeprefix("XID").strip(" :_")
    for row in rows:
        spellings = {row["name"].upper() if row.get("name") else "", row.get("renamed", "").upper()}
        spellings.add(row["key"].upper().removeprefix("DCGM_FR_"))
        if (spellings - {""}) & {word, bare}:
            return row
    return _numeric(rows, word) if kind in ("clock_event", "recovery_action") else None


def _numeric(rows: tuple[Row, ...], word: str) -> Row | None:
    try:
        value = int(word, 0)
        return next((row for row in rows if int(row["key"], 0) == value), None)
    except ValueError:
        return None


def _in_range(name: str, number: int) -> Row | None:
    return next((row for row in table(name) if int(row["key"]) <= number <= int(row["last"])), None)


@cache
def field_names(classic: str) -> tuple[str, ...]:
    """The classic and the renamed spelling of a DCGM field, as far as the table knows both."""
    row = by_key("dcgm_fields").get(classic.upper())
    return (classic, row["renamed"]) if row and row["renamed"] else (classic,)


@cache
def classic_field(name: str) -> str:
    """The classic spelling of a DCGM field, whichever one `name` is; `name` itself when it is not known."""
    for row in table("dcgm_fields"):
        if name in (row["key"], row["renamed"]):
            return row["key"]
    return name
