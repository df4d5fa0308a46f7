"""What `doctor` says of the SENTINEL gateway: whether it answers, what our roles allow, whose signature counts.

Nothing is written: whether we may record is seen from an empty request, which is refused for its emptiness only after
our roles were looked at. A gateway that cannot be reached makes one line, not four; and what fails for a reason that
already stands in the report says where it stands, instead of repeating what gRPC said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gcm_sentinel.app.doctor import Finding
from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.domain.audit import NewestHead
from gcm_sentinel.domain.errors import Forbidden, SentinelError

_AREA = "sentinel"
_GATEWAY, _READING, _AUDITING = "gateway", "read health", "audit"
_SOURCES = {"sentinel": (_GATEWAY, _READING), "audit_ledger": (_GATEWAY, _AUDITING)}
"""Which of our findings a source stands and falls with."""
_REACH = "check GCM_SENTINEL_SENTINEL_ENDPOINT, its CA_CERT, and PLAINTEXT for a gateway without TLS"
_KEY = (
    "put what `sentinel-gateway ledger key` prints into a file and name it in GCM_SENTINEL_SENTINEL_LEDGER_PUBLIC_KEY"
)


async def examine_gateway(gateway: SentinelGateway | None, *, records: bool) -> tuple[Finding, ...]:
    """Look at the gateway once; nothing where none is configured. `records`: assessments are to be recorded there."""
    if gateway is None:
        return ()
    try:
        await gateway.may_read()
    except Forbidden as error:
        reading = Finding(_AREA, _READING, ok=False, detail=str(error), remedy=_grant())
    except SentinelError as error:
        return (Finding(_AREA, _GATEWAY, ok=False, detail=str(error), remedy=_REACH),)
    else:
        reading = Finding(_AREA, _READING, ok=True, detail="allowed")
    there = Finding(_AREA, _GATEWAY, ok=True, detail=f"{gateway.endpoint} answers")
    return _each_once((there, reading, *await _auditing(gateway), *(await _recording(gateway) if records else ())))


def told_once(others: Sequence[Finding], gateway: Sequence[Finding]) -> tuple[Finding, ...]:
    """`others`, where the sources that ask the gateway refer to what `gateway` says of it."""
    failed = {finding.name: finding for finding in gateway if not finding.ok}
    told = []
    for finding in others:
        needed = _SOURCES.get(finding.name, ()) if finding.area == "source" and not finding.ok else ()
        cause = next((failed[name] for name in needed if name in failed), None)
        told.append(finding if cause is None else _unchecked(finding, cause))
    return tuple(told)


def _each_once(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """A gateway that went away meanwhile, or does not know us, says the same to every question."""
    first: dict[str, Finding] = {}
    told = []
    for finding in findings:
        cause = finding if finding.ok else first.setdefault(finding.detail, finding)
        told.append(finding if cause is finding else _unchecked(finding, cause))
    return tuple(told)


def _unchecked(finding: Finding, cause: Finding) -> Finding:
    return replace(finding, detail=f"not checked because `{cause.area}: {cause.name}` failed; see there", remedy="")


async def _auditing(gateway: SentinelGateway) -> tuple[Finding, ...]:
    try:
        head = await gateway.ledger.newest()
    except SentinelError as error:
        return (Finding(_AREA, _AUDITING, ok=False, detail=str(error), remedy=_grant()),)
    if head is None:
        return (Finding(_AREA, _AUDITING, ok=True, detail="allowed; nothing was recorded yet"),)
    size = f"the ledger has {head.checkpoint.size} entries"
    return (Finding(_AREA, _AUDITING, ok=True, detail=f"allowed; {size}"), _signature(head))


def _signature(head: NewestHead) -> Finding:
    origin = head.checkpoint.origin
    if head.signed is None:
        return Finding(_AREA, "ledger key", ok=False, detail=f"no key of {origin} is pinned", remedy=_KEY)
    if not head.signed:
        detail = f"the newest tree head of {origin} is not signed by the pinned key: another ledger, or another key"
        return Finding(_AREA, "ledger key", ok=False, detail=detail, remedy=_KEY)
    return Finding(_AREA, "ledger key", ok=True, detail=f"pinned; it signed the newest tree head of {origin}")


async def _recording(gateway: SentinelGateway) -> tuple[Finding, ...]:
    try:
        await gateway.ledger.may_record()
    except SentinelError as error:
        remedy = f"{_grant()}, or set GCM_SENTINEL_SENTINEL_RECORD_ASSESSMENTS=false"
        return (Finding(_AREA, "record", ok=False, detail=str(error), remedy=remedy),)
    return (Finding(_AREA, "record", ok=True, detail="allowed"),)


def _grant() -> str:
    return "give our certificate or token the role `investigator` in the gateway's settings"
