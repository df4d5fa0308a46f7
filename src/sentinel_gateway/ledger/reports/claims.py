"""Directives whose request names somebody else than its connection proved: which ones, and how many.

The gateway believes the connection: its certificate or token is `issued_by`. The request's own `initiated_by` may well
name the person behind a program, so a difference is no offence; but nobody has proved that name, and an auditor has to
know which names are of that kind. At most `MAX_LISTED` directives are kept, because callers make ids as they like.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import quarantine_pb2
from sentinel_gateway.ledger.reports.counted import MAX_LABEL_CHARACTERS
from sentinel_gateway.ledger.reports.evidence import NO_EVIDENCE, Evidence, Trail
from sentinel_gateway.ledger.reports.wire_names import ACTIONS

ISSUER = "issued_by"
"""The field with the name that the issuing connection proved."""
UNPROVED = "(claimed, not proved)"
"""Follows a name that no connection proved."""
ANONYMOUS = "anonymous"
"""What the gateway writes for a connection that showed neither certificate nor token: `AccessRules.caller`."""
NOBODY = "anonymous (nobody proved)"
"""Such a connection, wherever people are counted: nobody's name, so one line for all of them."""
NO_NAME = "(not recorded)"
MAX_LISTED = 1000
_NO_PERSON = frozenset({"", "sentinel-sdk", "rest-api"})
"""Claims that name no person: the documented defaults of the client library and of REST."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One directive that names somebody else."""

    directive_id: str
    action: str
    status: str
    """By the newest of its entries."""
    proved: str
    """Empty where the connection proved nobody."""
    claimed: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Claims:
    """All of them inside the window."""

    listed: tuple[Claim, ...] = ()
    """In the order of their first entries, `MAX_LISTED` at most."""
    entries: Evidence = NO_EVIDENCE
    """Of all of them, listed or not."""
    left_out: int = 0
    """Entries of those that are not listed."""


class ClaimTally:
    """Takes the entries about directives."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}
        self._entries = Trail()
        self._left_out = 0

    def entry(self, entry_id: int, record: records_pb2.SystemRecord, status: str) -> None:
        """One step in the life of a directive."""
        directive = record.state_change.directive
        issuer, claimed = record.fields.get(ISSUER, "").strip(), directive.initiated_by.strip()
        if not issuer or claimed == issuer or claimed in _NO_PERSON:
            return
        self._entries.add(entry_id)
        name = _cut(directive.directive_id) or "(no id)"
        if name not in self._told and len(self._told) >= MAX_LISTED:
            self._left_out += 1
            return
        told = self._told.setdefault(name, _Told(directive, proved_issuer(record)))
        told.status = status
        told.trail.add(entry_id)

    def finished(self) -> Claims:
        """What was found."""
        listed = tuple(
            Claim(name, told.action, told.status, told.proved, told.claimed, told.trail.evidence())
            for name, told in self._told.items()
        )
        return Claims(listed, self._entries.evidence(), self._left_out)


class _Told:
    __slots__ = ("action", "claimed", "proved", "status", "trail")

    def __init__(self, directive: quarantine_pb2.QuarantineDirective, proved: str) -> None:
        self.action = ACTIONS[directive.action]
        self.claimed = _cut(directive.initiated_by.strip())
        self.proved = _cut(proved)
        self.status = ""
        self.trail = Trail()


def proved_issuer(record: records_pb2.SystemRecord) -> str:
    """The name that the issuing connection proved; empty where it proved none, or the entry does not say."""
    issuer = record.fields.get(ISSUER, "").strip()
    return "" if issuer == ANONYMOUS else issuer


def issuer_of(record: records_pb2.SystemRecord) -> str:
    """Who issued a directive, as the connection proved; where it proved nobody, that is said."""
    if issuer := record.fields.get(ISSUER, "").strip():
        return proved(issuer)
    return claimed(record.state_change.directive.initiated_by)


def proved(name: str) -> str:
    """A name that the gateway took from a connection."""
    return NOBODY if name.strip() == ANONYMOUS else name.strip() or NO_NAME


def claimed(name: str) -> str:
    """A name that only a request gave."""
    name = name.strip()
    if name in ("", ANONYMOUS):
        return NOBODY if name else NO_NAME
    return f"{_cut(name, MAX_LABEL_CHARACTERS - len(UNPROVED) - 1)} {UNPROVED}"


def _cut(text: str, most: int = MAX_LABEL_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
