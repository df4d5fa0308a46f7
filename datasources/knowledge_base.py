"""The `knowledge` source: what the vendor catalogues say of a code, field or rule, looked up and cited.

It needs no network and is always there. `xid` and its kin are also used by the kernel-log source to name and class
what it reads. A key that is not in the tables is reported as missing, never guessed at.
"""

from __future__ import annotations

import json

from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.knowledge_tables import TABLES, Row, XidFacts, find, sources, table, xid
from gcm_sentinel.datasources.tool_calls import as_json, failed, text, texts
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.summaries import KnowledgeEntry, KnowledgeSummary
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

__all__ = ["KnowledgeBase", "XidFacts", "build", "xid"]

MAX_KEYS = 40
_COMMON = frozenset({"key", "name", "meaning", "immediate", "recurring", "notes", "source"})

LOOKUP = ToolSpec(
    "lookup_knowledge",
    "What the vendor catalogues say: meaning, what to do at once, what to do when it recurs, and the source of each"
    " statement. Kinds: xid (keys like 79), sxid (20034), dcgm_field (a metric name, old or new), dcgm_health"
    " (DCGM_FR_... or a health system), remap and rma (row-remap and replacement rules with their limits), clock_event"
    " (bits like 0x40), recovery_action (0-5), nvlink_word (Xid 74 as word.bit, 1.21), nvlink5_unit (Xid 144-150),"
    " xid_pattern (repetition rules). Leave keys empty to get a whole table of rules.",
    {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": list(TABLES)},
            "keys": {"type": "array", "items": {"type": "string"}, "maxItems": MAX_KEYS},
        },
        "required": ["kind"],
        "additionalProperties": False,
    },
)


def build(context: SourceContext) -> Datasource:
    """The knowledge source; it asks nothing of the context."""
    del context
    return KnowledgeBase()


class KnowledgeBase:
    """Look-ups in the tables."""

    @property
    def name(self) -> str:
        """``knowledge``."""
        return "knowledge"

    async def is_available(self) -> Availability:
        """Always usable: the tables are part of the package."""
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`lookup_knowledge`."""
        return (LOOKUP,)

    def get_system_prompt_section(self) -> str:
        """When to look a code up."""
        return (
            "`lookup_knowledge` gives the catalogue's words for Xids, SXids, DCGM fields and health codes, remap and"
            " RMA rules, clock event bits, recovery actions and NVLink words. Where its sources disagree it says so."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Look the keys up."""
        del scope
        if call.name != LOOKUP.name:
            return failed(call.name, f"the knowledge source has no tool {call.name!r}")
        try:
            kind, keys = text(call, "kind"), texts(call, "keys")
        except ValueError as error:
            return failed(call.name, str(error))
        query = f"{kind}: {', '.join(keys) or 'all'}"
        if kind not in TABLES:
            return failed(query, f"unknown kind {kind!r}; one of {', '.join(TABLES)}")
        if not keys and len(table(TABLES[kind][0])) > MAX_KEYS:
            return failed(query, f"the {kind} table is too long to list; name up to {MAX_KEYS} keys")
        return look_up(kind, keys[:MAX_KEYS], query)


def look_up(kind: str, keys: tuple[str, ...], query: str) -> ToolResult:
    """The entries of `keys`, of the whole table when there are none."""
    rows = {key: find(kind, key) for key in keys}
    found = [row for row in rows.values() if row is not None] if keys else list(table(TABLES[kind][0]))
    summary = KnowledgeSummary(
        kind=kind,
        entries=[entry(kind, row) for row in found],
        missing=[key for key, row in rows.items() if row is None],
    )
    status = ResultStatus.OK if found else ResultStatus.NO_DATA
    raw = json.dumps([dict(row) for row in found], indent=1)
    return ToolResult(status, query, as_json(summary), raw)


def entry(kind: str, row: Row) -> KnowledgeEntry:
    """A row as the model sees it: columns of its own table are told in the notes, sources spelt out."""
    extra = "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in row.items() if _tell(name, value))
    notes = " ".join(part for part in (row["notes"], f"[{extra}]" if extra else "") if part)
    known = sources()
    return KnowledgeEntry(
        kind=kind,
        key=row["key"],
        name=row.get("name", "") or row["key"],
        meaning=row["meaning"],
        immediate=row.get("immediate", ""),
        recurring=row.get("recurring", ""),
        notes=notes,
        source="; ".join(known.get(key, key) for key in row["source"].split()),
    )


def _tell(name: str, value: str) -> bool:
    return bool(value) and name not in _COMMON
