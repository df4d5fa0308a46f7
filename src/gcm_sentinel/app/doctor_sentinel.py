"""What `doctor` says of the SENTINEL gateway: whether it answers, what our roles allow, whose signature counts.

Nothing is written: whether we may record is seen from an empty request, which is refused for its emptiness only after
our roles were looked at; whether we may direct, from taking back a directive that never was. A gateway that cannot be
reached makes one line, not four; and what fails for a reason that already stands in the report says where it stands,
instead of repeating what gRPC said.

A gateway that is configured is wanted, so whatever does not work there is broken and not merely off. Only a key that
nobody pinned is off. A tree head that the pinned key did not sign is an alarm: it may be a forgery, and the report must
not invite anybody to pin the key of whoever made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

from gcm_sentinel.app.doctor_finding import Finding
from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.domain.audit import NewestHead
from gcm_sentinel.domain.errors import Forbidden, NotFound, SentinelError, Unauthenticated

_AREA = "sentinel"
_GATEWAY, _READING, _FOLLOWING, _AUDITING, _KEY, _RECORDING, _DIRECTING = (
    "gateway", "read health", "follow events", "audit", "ledger key", "record", "direct",
)  # fmt: skip
_SOURCES = {"sentinel": (_GATEWAY, _READING), "audit_ledger": (_GATEWAY, _AUDITING, _KEY)}
"""Which of our findings a source stands and falls with."""
_FOLLOWED_WITHIN = timedelta(seconds=5)
_REACH = "check GCM_SENTINEL_SENTINEL_ENDPOINT, its CA_CERT, and PLAINTEXT for a gateway without TLS"
_WHO = "check GCM_SENTINEL_SENTINEL_TOKEN, or CLIENT_CERT where certificates prove who we are"
_GRANT = "give our certificate or token the role `investigator` in the gateway's settings"
_ACT = "give our certificate or token the role `responder` in the gateway's settings"
_ACTIONS = "GCM_SENTINEL_ACTIONS"
_PIN = (
    "ask the ledger's operator for what `sentinel-gateway ledger key` prints there, put it into a file and name it in"
    " GCM_SENTINEL_SENTINEL_LEDGER_PUBLIC_KEY"
)
_DISTRUST = "ask the ledger's operator before trusting anything it says"


async def examine_gateway(
    gateway: SentinelGateway | None, *, records: bool, watches: bool = False, directs: bool = False
) -> tuple[Finding, ...]:
    """Look at the gateway once; nothing where none is configured.

    `records`: assessments are to be recorded there; `watches`: what happens there is to be followed;
    `directs`: actions are offered that it carries out.
    """
    if gateway is None:
        return ()
    try:
        await gateway.may_read()
    except Forbidden as error:
        reading = _broken(_READING, error)
    except SentinelError as error:
        return (_broken(_GATEWAY, error),)
    else:
        reading = _fine(_READING, "allowed")
    there = _fine(_GATEWAY, f"{gateway.endpoint} answers")
    following = (await _following(gateway),) if watches else ()
    recording = (await _recording(gateway),) if records else ()
    directing = (await _directing(gateway),) if directs else ()
    return _each_once((there, reading, *following, *await _auditing(gateway), *recording, *directing))


def told_once(others: Sequence[Finding], gateway: Sequence[Finding]) -> tuple[Finding, ...]:
    """`others`, where the sources that ask the gateway refer to what `gateway` says of it."""
    failed = {finding.name: finding for finding in gateway if finding.fails}
    told = []
    for finding in others:
        needed = _SOURCES.get(finding.name, ()) if gateway and finding.area == "source" else ()
        cause = next((failed[name] for name in needed if name in failed), None)
        if cause is not None:
            told.append(_unchecked(finding, cause))
        else:
            told.append(replace(finding, broken=finding.broken or (bool(needed) and not finding.ok)))
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
    """What fails for the reason of `cause`; one that refers to another itself is no place to look at."""
    words = "it answers, but" if finding.ok else "not checked because"
    detail = f"{words} `{cause.area}: {cause.name}` failed; see there" if cause.remedy else cause.detail
    return replace(finding, ok=False, broken=True, detail=detail, remedy="")


async def _following(gateway: SentinelGateway) -> Finding:
    """Whether the log of events can be followed: its first answer says how far it goes."""
    try:
        async with aclosing(gateway.follow(None, lasting=_FOLLOWED_WITHIN)) as events:
            async for event in events:
                return _fine(_FOLLOWING, f"allowed; its log of events stands at {event.position}")
    except NotFound as error:
        return replace(_broken(_FOLLOWING, error), remedy="set GCM_SENTINEL_SENTINEL_WATCH=false for such a gateway")
    except SentinelError as error:
        return _broken(_FOLLOWING, error)
    return Finding(_AREA, _FOLLOWING, ok=False, broken=True, detail="no position of its log in time", remedy=_REACH)


async def _auditing(gateway: SentinelGateway) -> tuple[Finding, ...]:
    try:
        head = await gateway.ledger.newest()
    except SentinelError as error:
        return (_broken(_AUDITING, error),)
    if head is None:
        return (_fine(_AUDITING, "allowed; nothing was recorded yet"),)
    return (_fine(_AUDITING, f"allowed; the ledger has {head.checkpoint.size} entries"), _signature(head))


def _signature(head: NewestHead) -> Finding:
    origin = head.checkpoint.origin
    if head.signed is None:
        return Finding(_AREA, _KEY, ok=False, detail=f"no key of {origin} is pinned", remedy=_PIN)
    if not head.signed:
        detail = f"the newest tree head of {origin} is not signed by the pinned key: another ledger, or another key"
        return Finding(_AREA, _KEY, ok=False, broken=True, detail=detail, remedy=_DISTRUST)
    return _fine(_KEY, f"pinned; it signed the newest tree head of {origin}")


async def _recording(gateway: SentinelGateway) -> Finding:
    try:
        await gateway.ledger.may_record()
    except SentinelError as error:
        found = _broken(_RECORDING, error)
        return replace(found, remedy=f"{found.remedy}, or set GCM_SENTINEL_SENTINEL_RECORD_ASSESSMENTS=false")
    return _fine(_RECORDING, "allowed")


async def _directing(gateway: SentinelGateway) -> Finding:
    """Whether the gateway takes directives of ours; actions that it would refuse are not worth approving."""
    try:
        await gateway.may_direct()
    except Forbidden as error:
        remedy = _WHO if isinstance(error, Unauthenticated) else f"{_ACT}, or leave its actions out of {_ACTIONS}"
        return replace(_broken(_DIRECTING, error), remedy=remedy)
    except NotFound as error:
        return replace(_broken(_DIRECTING, error), remedy=f"leave its actions out of {_ACTIONS} for such a gateway")
    except SentinelError as error:
        return _broken(_DIRECTING, error)
    return _fine(_DIRECTING, "allowed; nothing was directed")


def _fine(name: str, detail: str) -> Finding:
    return Finding(_AREA, name, ok=True, detail=detail)


def _broken(name: str, error: SentinelError) -> Finding:
    return Finding(_AREA, name, ok=False, broken=True, detail=str(error), remedy=_remedy(error))


def _remedy(error: SentinelError) -> str:
    if isinstance(error, Unauthenticated):
        return _WHO
    return _GRANT if isinstance(error, Forbidden) else _REACH
