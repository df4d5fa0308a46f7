"""Who decided what, and why: directives with their approvals, the gateway's own state changes, pushed configuration.

Who issued a directive, and who decided it, is what their connections proved. A configuration update carries only the
name its request gave, so such names are shown as claimed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import config_pb2, quarantine_pb2
from sentinel_gateway.domain.directives import NAMELESS, DirectiveStatus
from sentinel_gateway.ledger.reports.claims import (
    ANONYMOUS,
    ISSUER,
    NOBODY,
    Claims,
    ClaimTally,
    claimed,
    issuer_of,
    proved,
    proved_issuer,
)
from sentinel_gateway.ledger.reports.counted import Counted, Row
from sentinel_gateway.ledger.reports.evidence import Evidence, Trail
from sentinel_gateway.ledger.reports.wire_names import ACTIONS

AUTOMATIC = "AUTOMATIC"
"""A change the gateway made without a directive."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Counts inside the window, and the entries that lack what a change should carry."""

    directives: tuple[Row, ...]
    """`STATUS` of directives; one that waited and was then executed counts under both."""
    executed: tuple[Row, ...]
    """`ACTION` of executed directives."""
    automatic: Evidence
    """State changes by the gateway itself."""
    executed_with_approval: Evidence
    executed_without_reason: Evidence
    executed_unproved: Evidence
    """Those whose issuing connection proved nobody, as far as the entry says."""
    own_approvals: Evidence
    """Decided by the one who is named as initiator, or who issued it."""
    nameless: Evidence
    """Decided by somebody who did not show who they are."""
    condemned_without_approval: Evidence
    claims: Claims
    """Directives that name somebody else than their connection proved."""
    issuers: tuple[Row, ...]
    """Of executed directives, as the connection proved."""
    reviewers: tuple[Row, ...]
    """As the connection proved."""
    config: tuple[Row, ...]
    """What was changed."""
    config_initiators: tuple[Row, ...]
    """As the request claims, which it says of each."""
    config_without_reason: Evidence
    config_without_initiator: Evidence


class DecisionTally:
    """Takes the entries inside the window."""

    def __init__(self) -> None:
        self._directives = Counted()
        self._executed = Counted()
        self._claims = ClaimTally()
        self._issuers = Counted()
        self._reviewers = Counted()
        self._config = Counted()
        self._config_initiators = Counted()
        self._automatic = Trail()
        self._approved = Trail()
        self._no_reason = Trail()
        self._unproved = Trail()
        self._own = Trail()
        self._nameless = Trail()
        self._condemned = Trail()
        self._config_no_reason = Trail()
        self._config_no_initiator = Trail()

    def change(self, entry_id: int, record: records_pb2.SystemRecord) -> None:
        """A state change, or a directive that changed nothing (yet)."""
        status = status_of(record)
        if status == AUTOMATIC:
            self._automatic.add(entry_id)
            return
        directive = record.state_change.directive
        self._directives.add(status, entry_id)
        self._claims.entry(entry_id, record, status)
        if directive.HasField("approval"):
            self._decided(entry_id, record)
        withdrawer = proved(record.state_change.initiated_by)
        if status == DirectiveStatus.WITHDRAWN.name and withdrawer != issuer_of(record):
            self._reviewers.add(withdrawer, entry_id)
        if status == DirectiveStatus.EXECUTED.name:
            self._issuers.add(issuer_of(record), entry_id)
            if not proved_issuer(record):
                self._unproved.add(entry_id)
            self._done(entry_id, directive)

    def config(self, entry_id: int, update: config_pb2.ConfigUpdate) -> None:
        """One pushed update."""
        self._config.add(config_subject(update), entry_id)
        self._config_initiators.add(claimed(update.initiated_by), entry_id)
        if not update.reason.strip():
            self._config_no_reason.add(entry_id)
        if not update.initiated_by.strip():
            self._config_no_initiator.add(entry_id)

    def finished(self) -> Decisions:
        """What was counted."""
        return Decisions(
            self._directives.rows(),
            self._executed.rows(),
            self._automatic.evidence(),
            self._approved.evidence(),
            self._no_reason.evidence(),
            self._unproved.evidence(),
            self._own.evidence(),
            self._nameless.evidence(),
            self._condemned.evidence(),
            self._claims.finished(),
            self._issuers.rows(),
            self._reviewers.rows(),
            self._config.rows(),
            self._config_initiators.rows(),
            self._config_no_reason.evidence(),
            self._config_no_initiator.evidence(),
        )

    def _decided(self, entry_id: int, record: records_pb2.SystemRecord) -> None:
        directive = record.state_change.directive
        reviewer = directive.approval.reviewer.strip()
        if reviewer == ANONYMOUS or NAMELESS in record.fields.get("note", ""):
            self._reviewers.add(NOBODY, entry_id)
            self._nameless.add(entry_id)
            return
        self._reviewers.add(proved(reviewer), entry_id)
        if reviewer and reviewer in (directive.initiated_by.strip(), record.fields.get(ISSUER, "").strip()):
            self._own.add(entry_id)

    def _done(self, entry_id: int, directive: quarantine_pb2.QuarantineDirective) -> None:
        approved = directive.HasField("approval") and directive.approval.approved
        self._executed.add(ACTIONS[directive.action], entry_id)
        if approved:
            self._approved.add(entry_id)
        elif directive.action == quarantine_pb2.QUARANTINE_ACTION_CONDEMN:
            self._condemned.add(entry_id)
        if not directive.reason.strip():
            self._no_reason.add(entry_id)


def status_of(record: records_pb2.SystemRecord) -> str:
    """Where a directive stands by an entry: as it says or, where it does not, by what changed."""
    change = record.state_change
    if not change.HasField("directive"):
        return AUTOMATIC
    for word in (record.fields.get("status", ""), record.event.rpartition(".")[2].upper()):
        if word in DirectiveStatus.__members__:
            return word
    if change.from_state != change.to_state:
        return DirectiveStatus.EXECUTED.name
    denied = change.directive.HasField("approval") and not change.directive.approval.approved
    return DirectiveStatus.DENIED.name if denied else DirectiveStatus.WAITING.name


def config_subject(update: config_pb2.ConfigUpdate) -> str:
    """What an update is about."""
    match update.WhichOneof("update"):
        case "sampling_rate":
            return f"sampling_rate/{update.sampling_rate.component}"
        case "threshold":
            return f"threshold/{update.threshold.component}/{update.threshold.parameter}"
        case None:
            return "(nothing)"
        case plain:
            return str(plain)
