"""What becomes of an incident once it is open: what joins it, what is asked again, how it recovers and closes.

The engine sees everything that joined before its investigation began, so nothing more is asked for until then.
Afterwards more of the same joins and is shown; a new family of symptoms, or something more urgent, is worth another
look.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.incident_record import (
    IncidentRecord,
    IncidentState,
    InvestigationState,
    Urgency,
    Why,
)
from gcm_sentinel.domain.triage_changes import Investigate, Join, Move, TriageChange
from gcm_sentinel.triage.families import FOLLOW_ON
from gcm_sentinel.triage.homes import is_group
from gcm_sentinel.triage.moments import end_of, is_over
from gcm_sentinel.triage.pending import Problem
from gcm_sentinel.triage.policy import Policy
from gcm_sentinel.triage.urgency import together

_MOST_DOUBLINGS = 4
"""A recovery time, or the pause before another try, grows to sixteen times its length and no further."""
_FLAPPING = 3
"""From this many returns on, an incident flaps, which is a finding of its own."""


def joined(
    incident: IncidentRecord, problems: Sequence[Problem], policy: Policy, now: datetime
) -> tuple[TriageChange, ...]:
    """What follows when `problems` join `incident`."""
    urgency = min(incident.urgency, together((problem.urgency for problem in problems), incident.scope))
    ordered = sorted(problems, key=Problem.lead_order)
    changes: list[TriageChange] = [Join(incident.id, tuple(problem.id for problem in ordered), now, urgency)]
    came_back = incident.state is IncidentState.RECOVERING and _is_return(incident, problems)
    flaps = incident.flaps + came_back
    if incident.state is IncidentState.RECOVERING:
        words = _words_of_return(flaps) if came_back else "another symptom while it recovered"
        changes.append(Move(incident.id, IncidentState.OPEN, now, words, flaps=flaps))
    why = _why_again(incident, problems, urgency, policy, now)
    if why is None and came_back:
        why = _why_flapping(incident, flaps, policy, now)
    if why is not None:
        changes.append(Investigate(incident.id, incident.revision + 1, why, urgency, now))
    return tuple(changes)


def passed(incident: IncidentRecord, policy: Policy, now: datetime, *, wrong: bool) -> tuple[TriageChange, ...]:
    """What follows for an incident that nothing joins; `wrong` says whether anything of it is wrong now."""
    if incident.state is IncidentState.OPEN and not wrong:
        words = "nothing of it is wrong any more"
        return (Move(incident.id, IncidentState.RECOVERING, now, words, quiet_since=now, flaps=incident.flaps),)
    if incident.state is IncidentState.RECOVERING:
        moved = _recovering(incident, policy, now, wrong=wrong)
        if moved is not None:
            return (moved,)
    again = _due_again(incident, policy, now)
    if again is None or again[0] > now:
        return ()
    return (Investigate(incident.id, incident.revision + 1, again[1], incident.urgency, now),)


def next_moment(incident: IncidentRecord, policy: Policy, now: datetime) -> datetime | None:
    """When time alone changes something about an incident."""
    moments = [_closes_at(incident, policy, now)] if incident.state is IncidentState.RECOVERING else []
    if (again := _due_again(incident, policy, now)) is not None:
        moments.append(again[0])
    return min(moments, default=None)


def _why_again(
    incident: IncidentRecord, problems: Sequence[Problem], urgency: Urgency, policy: Policy, now: datetime
) -> Why | None:
    if incident.investigation in (None, InvestigationState.WANTED):
        return None
    if urgency < incident.urgency:
        return Why.ESCALATED
    if incident.investigation is InvestigationState.QUEUED:
        return None
    damped = incident.revision > 1 and not _is_over_since_asked(incident, policy.burst, now)
    return Why.REOPENED if not damped and _new_families(incident, problems) else None


def _why_flapping(incident: IncidentRecord, flaps: int, policy: Policy, now: datetime) -> Why | None:
    ended = incident.investigation in (InvestigationState.DONE, InvestigationState.FAILED)
    if flaps >= _FLAPPING and ended and _is_over_since_asked(incident, policy.cooldown, now):
        return Why.REOPENED
    return None


def _new_families(incident: IncidentRecord, problems: Sequence[Problem]) -> set[Family]:
    """Families the incident does not have yet and that say something new: not what follows from anything."""
    expected = FOLLOW_ON if is_group(incident) else {Family.CHECK}
    return {problem.family for problem in problems} - incident.families - expected


def _is_return(incident: IncidentRecord, problems: Sequence[Problem]) -> bool:
    return any(problem.kind in incident.kinds or problem.family in incident.families for problem in problems)


def _words_of_return(flaps: int) -> str:
    return f"came back, flapping: {flaps} times by now" if flaps >= _FLAPPING else "came back"


def _recovering(incident: IncidentRecord, policy: Policy, now: datetime, *, wrong: bool) -> Move | None:
    if wrong:
        flaps = incident.flaps + 1
        return Move(incident.id, IncidentState.OPEN, now, _words_of_return(flaps), flaps=flaps)
    if _closes_at(incident, policy, now) > now:
        return None
    quiet = _quiet_needed(incident, policy)
    reason = f"nothing was wrong for {quiet.total_seconds():.0f} s"
    return Move(incident.id, IncidentState.CLOSED, now, reason, quiet_since=incident.quiet_since, flaps=incident.flaps)


def _quiet_needed(incident: IncidentRecord, policy: Policy) -> timedelta:
    return policy.recovery * (1 << min(incident.flaps, _MOST_DOUBLINGS))


def _closes_at(incident: IncidentRecord, policy: Policy, now: datetime) -> datetime:
    return end_of(incident.quiet_since or incident.last_trigger_at, _quiet_needed(incident, policy), now)


def _due_again(incident: IncidentRecord, policy: Policy, now: datetime) -> tuple[datetime, Why] | None:
    """When the newest investigation is to be repeated by itself, and why; None when it is not."""
    asked = incident.investigated_at or incident.opened_at
    if incident.investigation is InvestigationState.FAILED and incident.state is IncidentState.OPEN:
        pause = policy.retry_failed * (1 << min(max(incident.failures - 1, 0), _MOST_DOUBLINGS))
        return (end_of(asked, pause, now), Why.RETRY)
    stood_in = incident.investigation is InvestigationState.DONE and incident.stand_in
    if stood_in and policy.llm_available and incident.revisits < policy.max_revisits:
        return (end_of(asked, policy.revisit_after, now), Why.REVISIT)
    return None


def _is_over_since_asked(incident: IncidentRecord, wait: timedelta, now: datetime) -> bool:
    return incident.investigated_at is None or is_over(incident.investigated_at, wait, now)
