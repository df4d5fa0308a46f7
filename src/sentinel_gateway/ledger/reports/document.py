"""A report as values, before any format: sections of figures and tables, findings, and what vouches for the entries.

A figure never stands alone. It carries its unit, its definition in words, the query that gives it, and the entries it
was computed from. What the ledger cannot tell is a figure without a value and with the reason, never a zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from sentinel_gateway.ledger.reports.activity import Bins
from sentinel_gateway.ledger.reports.evidence import NO_EVIDENCE, Evidence
from sentinel_gateway.ledger.reports.facts import Cut
from sentinel_gateway.ledger.reports.fleet import GpuFacts
from sentinel_gateway.ledger.reports.window import Window

Cell: TypeAlias = str | int | float | None

DISCLAIMER = (
    "This document is evidence taken from an audit ledger. It is not an opinion on compliance: whether a control is"
    " suitably designed and operated effectively is for an auditor to judge, with more than this ledger."
)
NOTATION = (
    "Queries read: FROM entries WHERE (which entries) SELECT (which arithmetic). `start` and `end` are those of this"
    " report; `type` is the entry's type; names such as ProbeExecution.result are fields of the message in the entry's"
    " data. `sentinel-gateway ledger export --start … --end … --type …` gives the same entries to compute from."
)


class Severity(Enum):
    """How much a finding matters; in order."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number and where it comes from."""

    key: str
    """Stays the same from report to report."""
    title: str
    value: int | float | None
    """None: not measurable from this ledger, and `missing` says why."""
    unit: str
    """``probes``, ``GPU-hours``, ``s``, ``share`` (0 to 1) ..."""
    definition: str
    query: str
    evidence: Evidence = NO_EVIDENCE
    n: int | None = None
    """How many observations a median or mean is of."""
    parts: tuple[tuple[str, int | float], ...] = ()
    """Other numbers of the same query, such as mean and extremes."""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain cells."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """States over time, for drawing."""

    title: str
    window: Window
    gpus: tuple[GpuFacts, ...]
    left_out: int = 0
    """GPUs that are not drawn."""


@dataclass(frozen=True, slots=True)
class Detections:
    """Failing signals over time, for drawing."""

    title: str
    window: Window
    bins: Bins


Chart: TypeAlias = Timeline | Detections


@dataclass(frozen=True, slots=True)
class Section:
    """What is said about one control."""

    control: str
    title: str
    about: str
    """What the control is about, and how far a ledger can speak of it."""
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    terms: tuple[str, ...] = ()
    """Beginnings that several definitions share; a page may print them once."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an auditor should look at."""

    severity: Severity
    rule: str
    """Stays the same from report to report."""
    control: str
    text: str
    evidence: Evidence = NO_EVIDENCE
    gpus: tuple[str, ...] = ()
    """UUIDs, at most ten."""


@dataclass(frozen=True, slots=True)
class Integrity:
    """What the verification of the entries said, and the signed tree head they lead to."""

    valid: bool
    """Whether every entry that was read is sound; what follows the last signed tree head is not read."""
    first_entry_id: int
    last_entry_id: int
    entries_verified: int
    batches_verified: int
    problem: str = ""
    """The kind of the first bad entry; empty where there is none."""
    first_bad_entry_id: int = 0
    description: str = ""
    signature: str = ""
    """Whose key the tree heads' signatures were verified with."""
    checkpoint: str = ""
    """The signed note; empty for an empty ledger."""
    tree_size: int = 0
    root_hash: str = ""
    """Hexadecimal."""
    public_key: str = ""
    """Base64, for information."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole document."""

    kind: str
    title: str
    criteria: str
    """Which edition of which standard."""
    window: Window
    requested_end_ns: int
    """Later than the window's end where that had not come yet."""
    generated_ns: int
    source: str
    """The database or file, without a password."""
    generator: str
    integrity: Integrity
    entries_read: int
    complete: bool
    """The ledger still begins with entry 1."""
    cuts: tuple[Cut, ...]
    sections: tuple[Section, ...]
    findings: tuple[Finding, ...]
    disclaimer: str = DISCLAIMER
    notation: str = NOTATION
    notes: tuple[str, ...] = field(default=())
    """What a reader must know to read the numbers right."""
