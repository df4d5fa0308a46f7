"""The `audit_ledger` source: what was recorded about GPUs, by whom and when, and whether the record is unchanged.

Tools of one gateway with the `sentinel` source. Not configured, it offers none, for the same reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.datasources import audit_ledger_answer, sentinel_tools
from gcm_sentinel.datasources.cluster_reads import iso, whole_number
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.sentinel_gpus import ENABLE, OFF, last_days
from gcm_sentinel.datasources.tool_calls import failed, of_error, text, within
from gcm_sentinel.domain.audit import ENTRY_TYPES, AuditFilter
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

MAX_DAYS = 3660
MAX_ENTRIES = 200
_LOOK = 4.0

QUERY = ToolSpec(
    "query_audit_ledger",
    "Entries of the tamper-evident ledger, newest first: failed probes, anomalies, quarantine actions with who and why,"
    " configuration changes, earlier assessments with the digests of their evidence.",
    {
        "type": "object",
        "properties": {
            "gpu": {"type": "string", "description": "UUID of one GPU, exact; left out for all."},
            "entry_type": {"type": "string", "enum": list(ENTRY_TYPES), "description": "Left out for all."},
            "days": {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "description": "How far back; 7."},
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_ENTRIES, "description": "50."},
            "oldest_first": {"type": "boolean"},
        },
        "required": [],
        "additionalProperties": False,
    },
)
VERIFY = ToolSpec(
    "verify_audit_ledger",
    "Let the gateway verify its ledger's hash chain and signed tree heads, all of it or a range of entries; names the"
    " first bad entry and what is wrong with it.",
    {
        "type": "object",
        "properties": {
            "first_entry": {"type": "integer", "minimum": 0, "description": "0: from the beginning."},
            "last_entry": {"type": "integer", "minimum": 0, "description": "0: to the newest."},
        },
        "required": [],
        "additionalProperties": False,
    },
)
PROVE = ToolSpec(
    "prove_audit_entry",
    "Verify one ledger entry here, without trusting the gateway: its hash, its inclusion in the signed tree, and the"
    " signature by the key the operator pinned.",
    {
        "type": "object",
        "properties": {"entry_id": {"type": "integer", "minimum": 1}},
        "required": ["entry_id"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class _Asked:
    query: str
    read: Callable[[], Awaitable[ToolResult]]


def build(context: SourceContext) -> Datasource:
    """The ledger source; it says it is off when no gateway is configured."""
    return AuditLedgerSource(context)


class AuditLedgerSource:
    """The audit ledger of a SENTINEL gateway."""

    def __init__(self, context: SourceContext) -> None:
        self._gateway = context.sentinel
        self._clock = context.clock
        self._deadline = context.call_timeout.total_seconds()

    @property
    def name(self) -> str:
        """``audit_ledger``."""
        return "audit_ledger"

    async def is_available(self) -> Availability:
        """Whether a gateway is configured, answers, and lets us audit."""
        if self._gateway is None:
            return Availability(usable=False, reason=OFF, how_to_enable=ENABLE)
        try:
            async with within(_LOOK, "the SENTINEL gateway"):
                await self._gateway.ledger.newest()
        except SentinelError as error:
            return Availability(usable=False, reason=str(error), how_to_enable=ENABLE, broken=True)
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """Three tools, or none where no gateway is configured."""
        return (QUERY, VERIFY, PROVE) if self._gateway is not None else ()

    def get_system_prompt_section(self) -> str:
        """How to read what it returns; nothing where it is off."""
        if self._gateway is None:
            return ""
        return (
            "`query_audit_ledger` shows who did what to a GPU and when; `prove_audit_entry` verifies one entry here."
            " An entry shows that something was recorded, not that it is true."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Ask the ledger."""
        if self._gateway is None:
            note = f"{OFF}, so the audit ledger could not be read. {ENABLE}"
            return ToolResult(ResultStatus.UNAVAILABLE, call.name, note=note)
        question = _QUESTIONS.get(call.name)
        if question is None:
            return failed(call.name, f"the audit_ledger source has no tool {call.name!r}")
        try:
            asked = question(self._gateway, call, self._clock.now())
        except ValueError as error:
            return failed(call.name, str(error))
        try:
            async with within(self._deadline, "the SENTINEL gateway"):
                return await asked.read()
        except SentinelError as error:
            return of_error(asked.query, error, enable=ENABLE)


def _query(gateway: SentinelGateway, call: ToolCall, now: datetime) -> _Asked:
    wanted = _filter(call, now)
    window = TimeRange(wanted.since, wanted.until)
    order = "newest" if wanted.newest_first else "oldest"
    about = f" of GPU {wanted.gpu_uuid}" if wanted.gpu_uuid else ""
    query = (
        f"QueryAuditTrail{about} type {wanted.entry_type or 'any'} from {iso(wanted.since)} to {iso(wanted.until)},"
        f" {wanted.limit} {order} first"
    )

    async def read() -> ToolResult:
        return audit_ledger_answer.entries(await gateway.ledger.entries(wanted), query, window)

    return _Asked(query, read)


def _filter(call: ToolCall, now: datetime) -> AuditFilter:
    kind = text(call, "entry_type", "").upper().removeprefix("AUDIT_ENTRY_TYPE_")
    if kind and kind not in ENTRY_TYPES:
        raise ValueError(f"'entry_type' {kind[:60]!r} is none; there are {', '.join(ENTRY_TYPES)}")
    window = last_days(now, whole_number(call, "days", 7, MAX_DAYS))
    return AuditFilter(
        since=window.start,
        until=window.end,
        gpu_uuid=sentinel_tools.gpu_uuid(call),
        entry_type=kind,
        limit=whole_number(call, "limit", 50, MAX_ENTRIES),
        newest_first=call.arguments.get("oldest_first") is not True,
    )


def _verify(gateway: SentinelGateway, call: ToolCall, _now: datetime) -> _Asked:
    first, last = _entry(call, "first_entry"), _entry(call, "last_entry")
    if last and first > last:
        raise ValueError(f"'first_entry' {first} lies behind 'last_entry' {last}")
    query = f"VerifyChain from {first or 'the beginning'} to {last or 'the newest'} with tree heads"

    async def read() -> ToolResult:
        return audit_ledger_answer.verification(await gateway.ledger.verify(first, last), first, last, query)

    return _Asked(query, read)


def _prove(gateway: SentinelGateway, call: ToolCall, _now: datetime) -> _Asked:
    number = _entry(call, "entry_id")
    if not number:
        raise ValueError("'entry_id' must be the number of an entry, from 1")
    query = f"ProveInclusion of entry {number} in the newest signed tree"

    async def read() -> ToolResult:
        found = await gateway.ledger.prove(number)
        if found is None:
            return ToolResult(ResultStatus.NO_DATA, query, note=f"the ledger has no entry {number}, or has it no more")
        return audit_ledger_answer.proof(found, query)

    return _Asked(query, read)


def _entry(call: ToolCall, name: str) -> int:
    word = text(call, name, "0").removesuffix(".0")
    if not word.isdecimal() or len(word) > 18:
        raise ValueError(f"{name!r} must be the number of an entry, not {word[:40]!r}")
    return int(word)


_QUESTIONS: Mapping[str, Callable[[SentinelGateway, ToolCall, datetime], _Asked]] = {
    QUERY.name: _query,
    VERIFY.name: _verify,
    PROVE.name: _prove,
}
