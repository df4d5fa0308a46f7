"""Who decided what, who was refused, and when nothing was recorded."""

from __future__ import annotations

import pytest
from tests.sentinel_reports.book import CONDEMNED, DAY, HEALTHY, QUARANTINED, Book

from sentinel.ext.v1.records_pb2 import SystemRecord
from sentinel.v1.quarantine_pb2 import ApprovalStatus
from sentinel_gateway.core import records
from sentinel_gateway.domain.access import AccessRules
from sentinel_gateway.domain.directives import NAMELESS, Directive, DirectiveRecord, DirectiveStatus
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.roles import Role
from sentinel_gateway.ledger.reports.claims import MAX_LISTED, NOBODY, UNPROVED
from sentinel_gateway.ledger.reports.counted import MAX_LABELS, OTHERS
from sentinel_gateway.ledger.reports.gather import gather
from sentinel_gateway.ledger.reports.sections.changing import people
from sentinel_gateway.services.directive_messages import record_to_wire

NS = 3_600_000_000_000
CONDEMNING = (HEALTHY, CONDEMNED)


def counts(rows) -> dict[str, int]:
    return {label: number for label, number, _ in rows}


def test_a_denied_directive_is_counted_as_waiting_and_as_denied():
    book = Book()
    denied = ApprovalStatus(approved=False, reviewer="joe")
    book.change("a", 1, (HEALTHY, HEALTHY), "directive.waiting", directive_id="1", action=3)
    book.change("a", 2, (HEALTHY, HEALTHY), "directive.denied", directive_id="1", action=3, approval=denied)

    found = gather(book.entries, DAY).decisions
    assert counts(found.directives) == {"DENIED": 1, "WAITING": 1}
    assert found.executed == ()


def test_a_condemnation_needs_a_recorded_approval():
    book = Book()
    agreed = ApprovalStatus(approved=True, reviewer="joe")
    book.change("a", 1, (HEALTHY, CONDEMNED), "directive.executed", directive_id="1", action=3, initiated_by="jane")
    book.change(
        "b",
        2,
        (HEALTHY, CONDEMNED),
        "directive.executed",
        directive_id="2",
        action=3,
        initiated_by="jane",
        approval=agreed,
    )

    found = gather(book.entries, DAY).decisions
    assert found.condemned_without_approval.sample_ids == (1,)
    assert found.executed_with_approval.sample_ids == (2,)


@pytest.mark.parametrize(("reviewer", "own"), [("jane", 1), ("joe", 0), ("", 0)])
def test_deciding_ones_own_directive_is_told(reviewer, own):
    book = Book()
    approval = ApprovalStatus(approved=True, reviewer=reviewer)
    book.change(
        "a",
        1,
        (HEALTHY, CONDEMNED),
        "directive.executed",
        directive_id="1",
        action=3,
        initiated_by="jane",
        approval=approval,
    )

    assert gather(book.entries, DAY).decisions.own_approvals.entries == own


def directed(book: Book, hour: float, directive_id: str, claimed: str, **fields: str) -> int:
    told = {"directive_id": directive_id, "action": 1, "initiated_by": claimed, "fields": fields}
    return book.change("a", hour, (HEALTHY, QUARANTINED), "directive.executed", **told)


def test_who_issued_a_directive_is_who_the_connection_proved_to_be():
    book = Book()
    directed(book, 1, "d-1", "operator:jane", issued_by="robot")
    directed(book, 2, "d-2", "robot", issued_by="robot")

    assert counts(gather(book.entries, DAY).decisions.issuers) == {"robot": 2}


def test_the_gateway_records_the_proved_name_and_the_claim_beside_it():
    asked = Directive("d-1", Gpu("GPU-a"), Action.CONDEMN, "seen", "operator:jane", (), DAY.start_ns)
    record = DirectiveRecord(asked, DirectiveStatus.WAITING, HealthState.HEALTHY, HealthState.HEALTHY, "robot", 1)

    told = SystemRecord.FromString(records.directive(record, DAY.start_ns).data)
    assert (told.fields["issued_by"], told.state_change.initiated_by) == ("robot", "robot")
    assert told.state_change.directive.initiated_by == "operator:jane"
    assert record_to_wire(record).issued_by == "robot"


def test_a_directive_that_names_somebody_else_is_told_with_both_names():
    book = Book()
    for hour in (1, 2):
        directed(book, hour, "d-1", "operator:jane", issued_by="robot")
    directed(book, 3, "d-2", "robot", issued_by="robot")

    found = gather(book.entries, DAY).decisions.claims
    (claim,) = found.listed
    assert (claim.directive_id, claim.proved, claim.claimed) == ("d-1", "robot", "operator:jane")
    assert (claim.evidence.sample_ids, found.entries.entries) == ((1, 2), 2)


def test_a_name_that_nobody_proved_says_so():
    book = Book()
    directed(book, 1, "d-1", "robot")

    found = gather(book.entries, DAY).decisions
    assert counts(found.issuers) == {"robot (claimed, not proved)": 1}
    assert found.executed_unproved.sample_ids == (1,)
    assert found.claims.listed == ()


def test_a_decision_without_showing_who_one_is_says_so():
    book = Book()
    agreed = ApprovalStatus(approved=True, reviewer="anonymous")
    fields = {"issued_by": "anonymous", "note": NAMELESS}
    book.change("a", 1, CONDEMNING, "directive.executed", directive_id="1", action=3, approval=agreed, fields=fields)

    found = gather(book.entries, DAY).decisions
    assert counts(found.reviewers) == counts(found.issuers) == {NOBODY: 1}
    assert found.nameless.sample_ids == found.executed_unproved.sample_ids == (1,)
    assert found.own_approvals.entries == 0, "nobody knows whether it was the same person"


def test_who_proved_nothing_is_nobody_everywhere_and_counts_once():
    book = Book()
    directed(book, 1, "d-1", "anonymous", issued_by=_shown_nothing())
    directed(book, 2, "d-2", "operator:jane", issued_by=_shown_nothing())
    book.config(3, initiated_by=_shown_nothing())
    withdrawn = {"directive_id": "d-3", "action": 1, "initiated_by": "robot", "fields": {"issued_by": "robot"}}
    entry = book.change("a", 4, (HEALTHY, HEALTHY), "directive.withdrawn", by=_shown_nothing(), **withdrawn)

    facts = gather(book.entries, DAY)
    found = facts.decisions
    assert counts(people(facts)) == {NOBODY: 4}
    assert (found.executed_unproved.sample_ids, entry) == ((1, 2), 4)
    assert [(claim.proved, claim.claimed) for claim in found.claims.listed] == [("", "operator:jane")]


def _shown_nothing() -> str:
    """What the gateway calls a connection that shows nothing."""
    return AccessRules(anonymous=frozenset({Role.ADMIN})).caller(None, None).name


def test_a_long_claim_does_not_hide_that_it_is_one():
    book = Book()
    directed(book, 1, "d-1", "x" * 500)

    (label,) = counts(gather(book.entries, DAY).decisions.issuers)
    assert label.endswith(UNPROVED)


def test_invented_directives_do_not_grow_without_end():
    book = Book()
    for number in range(MAX_LISTED + 7):
        directed(book, 1, f"d-{number}", "jane", issued_by="robot")

    found = gather(book.entries, DAY).decisions.claims
    assert (len(found.listed), found.left_out, found.entries.entries) == (MAX_LISTED, 7, MAX_LISTED + 7)


def test_a_change_without_a_directive_is_the_gateways_own():
    book = Book()
    book.change("a", 1, (HEALTHY, QUARANTINED))

    found = gather(book.entries, DAY).decisions
    assert found.automatic.entries == 1
    assert found.directives == ()


def test_configuration_without_who_or_why_is_told():
    book = Book()
    book.config(1)
    book.config(2, initiated_by="", reason=" ")

    found = gather(book.entries, DAY).decisions
    assert found.config_without_initiator.sample_ids == found.config_without_reason.sample_ids == (2,)
    assert counts(found.config) == {"overhead_budget": 2}


def test_one_refusal_entry_stands_for_as_many_as_it_says():
    book = Book()
    book.event(1, "auth.refused", who="eve", what="/x", why="no role", count="41")
    book.event(2, "auth.refused", who="eve", what="/x", why="no role")
    book.event(3, "auth.refused", who="eve", what="/x", why="no role", count="-5")

    assert counts(gather(book.entries, DAY).system.refused_by_caller) == {"eve": 43}


def test_invented_names_do_not_grow_without_end():
    book = Book()
    for number in range(MAX_LABELS + 50):
        book.event(1, "auth.refused", who=f"caller {number}", what="/x", why="no")

    found = counts(gather(book.entries, DAY).system.refused_by_caller)
    assert len(found) == MAX_LABELS + 1
    assert found[OTHERS] == 50


def test_the_longest_silence_lies_between_entries_of_the_window():
    book = Book()
    for hour in (-3, 1, 2, 9, 10):
        book.tick(hour)

    activity = gather(book.entries, DAY).activity
    assert activity.longest_silence_ns == 7 * NS
    assert activity.silence_after.sample_ids == (4,)


def test_a_clock_that_goes_back_for_hours_is_told():
    book = Book()
    for hour in (5, 4.5, 2, 6):
        book.tick(hour)

    assert gather(book.entries, DAY).activity.clock_back.sample_ids == (3,)


def test_an_empty_ledger_says_nothing():
    facts = gather([], DAY)

    assert (facts.activity.entries_read, facts.fleet.gpus, facts.incidents.listed) == (0, (), ())
    assert facts.complete
