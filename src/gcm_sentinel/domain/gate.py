"""The gate: whether an order may be carried out, decided purely from values that no model can write.

Every rule looks at the whole case and objects or is silent. One that refuses wins over one that asks for a person; only
where every rule was silent may the order run at once. So an unknown mode, an operation without a declaration, a fact
nobody established and an empty list of rules all end in a refusal. What wraps the tools (remediation/) treats a crash
in here as one too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from gcm_sentinel.domain.acting_policy import ActingPolicy, Breaker, Capacity
from gcm_sentinel.domain.action_record import MAY_BE_ORDERED_AGAIN, ActionRecord, Refusal
from gcm_sentinel.domain.advice import NewerAdvice, advises
from gcm_sentinel.domain.assessment import Assessment, Outcome
from gcm_sentinel.domain.dry_run import DryRun
from gcm_sentinel.domain.grounds import FREE_QUERY
from gcm_sentinel.domain.modes import Effect, Mode, permits
from gcm_sentinel.domain.operations import DECLARED, Blast, Declaration, Operation, TargetKind
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.ownership import Holder

_HOUR = timedelta(hours=1)


class Verdict(StrEnum):
    """What the gate says."""

    REFUSED = "refused"
    ASK = "ask"
    """Only after a person approves exactly this order."""
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class Objection:
    """What one rule holds against an order."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """The gate's answer with all its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...]
    refusal: Refusal = Refusal.RULED
    """Whose, where it refuses."""

    @property
    def reason(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)


@dataclass(frozen=True, slots=True)
class Sighting:
    """When an investigation last saw the target, by an authoritative field of its evidence."""

    evidence: str
    """Its id, ``E4``."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What was read just before deciding; nothing in it comes from a model."""

    now: datetime
    uid: str | None
    """Of the object that bears the target's name now; None where there is none."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the target's node."""
    holders: tuple[Holder, ...] = ()
    stands: bool
    """Whether the incident is open and what opened it, on the target's node where it did, is still wrong."""
    capacity: Capacity
    breaker: Breaker
    begun: tuple[datetime, ...] = ()
    """When the actions of the last hour began, those of all incidents."""
    earlier: tuple[ActionRecord, ...] = ()
    """What was ordered in this incident before, this order left out."""
    captured: bool = False
    """Whether the evidence that the operation destroys was captured."""
    newer: NewerAdvice | None = None
    """What an investigation of the incident came to that is newer than the order's own."""
    dry_run: DryRun = DryRun()
    """What the API server says to its requests; nothing where they were not tried yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One order before the gate."""

    order: Order
    mode: object
    policy: ActingPolicy
    scope: tuple[str, ...]
    """Names of the nodes that the incident is about."""
    sighting: Sighting | None
    world: World
    assessment: Assessment | None = None
    """None while the investigation goes on: nothing runs before it has ended in one that was checked."""

    @property
    def declaration(self) -> Declaration | None:
        """Of the operation; None for one that is not ours."""
        return DECLARED.get(self.order.operation)

    @property
    def node(self) -> str:
        """The node that the target is, or stands on."""
        target = self.order.target
        return target.name if target.kind == TargetKind.NODE else target.node


Rule: TypeAlias = Callable[[Case, Declaration], Objection | None]


def decide(case: Case, rules: Sequence[Rule] | None = None) -> Ruling:
    """Whether `case.order` may be carried out now. Pure; never raises for any value of its types."""
    asked = RULES if rules is None else rules
    declaration = case.declaration
    if not asked:
        return Ruling(Verdict.REFUSED, ("there is no rule that could allow it",))
    if declaration is None:
        return Ruling(Verdict.REFUSED, (f"{case.order.operation!r} is no operation of ours",))
    objections = [found for rule in asked if (found := rule(case, declaration)) is not None]
    for verdict in (Verdict.REFUSED, Verdict.ASK):
        reasons = tuple(found.reason for found in objections if found.verdict is verdict)
        if reasons:
            return Ruling(verdict, reasons)
    return Ruling(Verdict.ALLOWED, (f"mode {case.mode} and the policy allow {case.order.operation}",))


def _mode(case: Case, declaration: Declaration) -> Objection | None:
    allowed = permits(case.mode, Effect.REMEDIATE)
    if not allowed.allowed:
        return _refuse(allowed.reason)
    if words := asks_about_everything(case.mode):
        return _ask(words)
    return _ask(f"{declaration.operation} always needs a person") if declaration.always_asks else None


def asks_about_everything(mode: object) -> str:
    """Why a person decides about every action in `mode`; empty where the policy may."""
    return "in mode approve a person decides about every action" if mode is Mode.APPROVE else ""


def _enabled(case: Case, declaration: Declaration) -> Objection | None:
    if declaration.operation in case.policy.operations:
        return None
    return _refuse(f"{declaration.operation} is switched off by the operator")


def _scope(case: Case, declaration: Declaration) -> Objection | None:
    if case.order.target.kind != declaration.target:
        return _refuse(f"{declaration.operation} is done to a {declaration.target}, not to a {case.order.target.kind}")
    if case.node in case.scope:
        return None
    shown = ", ".join(case.scope[:5]) + (" ..." if len(case.scope) > 5 else "")
    return _refuse(f"node {case.node!r} is not one of those this incident is about ({shown or 'none'})")


def _observed(case: Case, _declaration: Declaration) -> Objection | None:
    target, seen = case.order.target, case.sighting
    if seen is None:
        look = f"look at it first ({FREE_QUERY} does not count)"
        return _refuse(f"no evidence of this investigation shows {target.kind} {target.name!r}: {look}")
    age = case.world.now - seen.at
    if case.assessment is None and age > case.policy.fresh:
        return _refuse(f"what {seen.evidence} shows of {target.name!r} is {_minutes(age)} old: look again first")
    oldest = max(age, case.world.now - case.assessment.created_at) if case.assessment else age
    if oldest > case.policy.order_lasts:
        return _refuse(f"what it rests on is {_minutes(oldest)} old, {_minutes(case.policy.order_lasts)} may be")
    return None


def _identity(case: Case, _declaration: Declaration) -> Objection | None:
    target, uid = case.order.target, case.world.uid
    if not target.uid or uid is None:
        return _refuse(f"there is no {target.kind} {target.name!r} now")
    if uid != target.uid:
        return _refuse(f"{target.kind} {target.name!r} is another object now (UID {uid}, was {target.uid})")
    return None


def _still_wrong(case: Case, declaration: Declaration) -> Objection | None:
    if case.world.stands or not declaration.carries_out:
        return None
    return _refuse("what opened the incident is no longer wrong, or the incident is over")


def _held(case: Case, _declaration: Declaration) -> Objection | None:
    names = ", ".join(map(str, case.world.holders))
    return _refuse(f"node {case.node} is kept by {names}: one owner at a time") if names else None


def _protected(case: Case, declaration: Declaration) -> Objection | None:
    reason = case.policy.protects_node(case.node, case.world.labels)
    if not reason and declaration.target is TargetKind.POD:
        reason = case.policy.protects_namespace(case.order.target.name.partition("/")[0])
    return _refuse(reason) if reason else None


def _once(case: Case, declaration: Declaration) -> Objection | None:
    """Done once per incident; and who has said no, or nothing, is not overruled by asking again."""
    what = f"{declaration.operation} on {case.order.target.name}"
    same = [record for record in case.world.earlier if record.key == case.order.key]
    for record in same:
        if record.state not in MAY_BE_ORDERED_AGAIN:
            return _refuse(f"{what} was ordered before: {record.state}")
    for record in same:
        if record.refusal is Refusal.PERSON:
            return _refuse(f"a person has refused {what} in this incident ({record.note})")
    if any(record.refusal is Refusal.EXPIRED for record in same):
        return _ask(f"{what} was asked before in this incident, and no decision about it holds any more")
    return None


def _superseded(case: Case, declaration: Declaration) -> Objection | None:
    newer = case.world.newer
    if newer is None or not declaration.carries_out or newer.advises(case.order):
        return None
    return _refuse(newer.words)


def _advised(case: Case, declaration: Declaration) -> Objection | None:
    """The assessment is conclusive, sure enough, and advises this for this node."""
    found = case.assessment
    if found is None or not declaration.carries_out:
        return None
    if found.outcome is not Outcome.CONCLUDED:
        return _refuse(f"the investigation is {found.outcome}: nothing is done on it")
    if not advises(found, case.order, case.scope):
        wanted, target = ", ".join(sorted(declaration.carries_out)), case.order.target
        return _refuse(f"the assessment advises none of {wanted} for {target.kind} {target.name}")
    sure, least = found.draft.confidence, case.policy.min_confidence
    if sure < least:
        return _ask(f"its confidence is {sure:.0%}, below the {least:.0%} that may act without a person")
    return None


def _rate(case: Case, _declaration: Declaration) -> Objection | None:
    recent = [at for at in case.world.begun if case.world.now - at < _HOUR]
    if len(recent) < case.policy.max_per_hour:
        return None
    return _ask(f"{len(recent)} actions began within the last hour, {case.policy.max_per_hour} may")


def _breaker(case: Case, declaration: Declaration) -> Objection | None:
    if not declaration.takes_out_of_service or not case.world.breaker.is_open:
        return None
    return _refuse(f"the circuit breaker is open ({case.world.breaker.reason}): a person has to reset it")


def _capacity(case: Case, declaration: Declaration) -> Objection | None:
    """The share of the fleet that may be out."""
    if not declaration.takes_out_of_service:
        return None
    reason = over_capacity(case.world.capacity, case.node, case.policy, declaration)
    return _refuse(reason) if reason else None


def over_capacity(capacity: Capacity, node: str, policy: ActingPolicy, declaration: Declaration) -> str | None:
    """Why `node` may not be taken out of service as well; None where it may.

    A node that is out already costs nothing more, but for what ends everything that runs on it: too many being out is
    a reason not to go on with that on any of them.
    """
    if node in capacity.out and declaration.blast is not Blast.NODE:
        return None
    would, may = capacity.with_node(node), capacity.allowed(policy.max_out_of_service)
    if would <= may:
        return None
    return f"{would} of {len(capacity.nodes)} GPU nodes would be out of service, {may} may be"


def _evidence_first(case: Case, declaration: Declaration) -> Objection | None:
    if not declaration.destroys_evidence or case.assessment is None or case.world.captured:
        return None
    return _refuse(f"{declaration.operation} destroys evidence that has not been captured")


def _dry_run(case: Case, _declaration: Declaration) -> Objection | None:
    refusals = case.world.dry_run.refusals
    if not refusals:
        return None
    more = f" (and {len(refusals) - 1} more of its requests)" if len(refusals) > 1 else ""
    return _refuse(f"the API server would refuse it: {refusals[0]}{more}")


def _refuse(reason: str) -> Objection:
    return Objection(Verdict.REFUSED, reason)


def _ask(reason: str) -> Objection:
    return Objection(Verdict.ASK, reason)


def _minutes(age: timedelta) -> str:
    return f"{age.total_seconds() / 60:.0f} min"


RULES: tuple[Rule, ...] = (
    _mode, _enabled, _scope, _observed, _identity, _held, _protected, _once, _still_wrong, _advised, _superseded, _rate,
    _breaker, _capacity, _evidence_first, _dry_run,
)  # fmt: skip
"""All of them, in the order their reasons are told."""

NEVER_IN_A_SCHEMA = frozenset({Operation.UNCORDON_NODE, Operation.UNTAINT_NODE, Operation.REINSTATE_GPU})
"""Operations that only undo: no model may ask for them, the executor and people do."""
