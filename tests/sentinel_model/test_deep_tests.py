"""What a deep test asks of which SMs, and what it makes of results that have other causes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sentinel_gateway.domain.deep_tests import SILENT_AFTER, DeepTest, DeepTestOutcome
from sentinel_gateway.domain.model_settings import ModelSettings
from sentinel_gateway.domain.probes import ProbeResult, ProbeType
from sentinel_gateway.domain.sms import Outcome, SmTable
from sentinel_gateway.model.deep_tests import begun

BLAMED, SMS, NEEDED = 2, 8, 1000
FMA, TENSOR, AES = ProbeType.FMA, ProbeType.TENSOR_CORE, ProbeType.AES
PASS, FAIL, ERROR = ProbeResult.PASS, ProbeResult.FAIL, ProbeResult.ERROR
OPEN, PASSED, FAILED = DeepTestOutcome.OPEN, DeepTestOutcome.PASSED, DeepTestOutcome.FAILED
MINUTE_NS = 60 * 10**9
SETTINGS = ModelSettings()


def ran(sms: Iterable[int], count: int, result: int = PASS, probe: int = FMA, at_ns: int = MINUTE_NS) -> list[Outcome]:
    """So many results of each of these SMs."""
    return [Outcome(sm_id, int(probe), int(result), at_ns) for sm_id in sms for _ in range(count)]


def planned(table: SmTable, sighted: int = 0) -> DeepTest:
    """The test of a GPU with these counts."""
    return begun(table, sighted, 0, SETTINGS)


@pytest.fixture
def table() -> SmTable:
    """An SM failed three times, the others passed."""
    failed = [one for burst in range(3) for one in ran([BLAMED], 1, FAIL, at_ns=burst * MINUTE_NS)]
    return SmTable().with_results([*ran(range(SMS), 40), *failed])


@pytest.fixture
def test(table: SmTable) -> DeepTest:
    """For it."""
    return planned(table)


def enough(probe: int = FMA, sms: Iterable[int] = range(SMS)) -> list[Outcome]:
    """What ends a test well."""
    return ran(sms, NEEDED, probe=probe)


def test_it_asks_for_all_sms_that_report(test: DeepTest):
    assert (test.blamed_sm, test.blamed_needs, test.sms, test.types) == (BLAMED, NEEDED, tuple(range(SMS)), 1 << FMA)
    assert test.with_results(enough()).outcome is PASSED
    assert test.with_results(enough(sms=[BLAMED, 0, 1])).outcome is OPEN


def test_an_sm_that_was_named_once_is_none(table: SmTable):
    odd = table.with_results(ran([900], 1))

    assert odd.reporting() == tuple(range(SMS))
    assert planned(odd).with_results(enough()).outcome is PASSED


def test_an_sm_named_during_the_test_does_not_prolong_it(test: DeepTest):
    assert test.with_results([*ran([900], 1), *enough()]).outcome is PASSED


def test_sms_that_vanished_before_the_last_reinstatement_are_not_asked_for(table: SmTable):
    mig = table.cleared(MINUTE_NS).with_results(ran([0, 1, 5], 40, at_ns=2 * MINUTE_NS))

    assert mig.reporting() == (0, 1, 5)
    assert table.cleared(MINUTE_NS).reporting() == tuple(range(SMS))
    assert SmTable().reporting() == ()


def test_an_sm_that_vanished_since_does_not_keep_it_open(test: DeepTest):
    rest = [sm_id for sm_id in range(SMS) if sm_id != 7]
    early = test.with_results(ran(rest, SILENT_AFTER - 1))
    late = test.with_results(enough(sms=rest))

    assert (early.silent, early.outcome) == ((), OPEN)
    assert (late.silent, late.outcome) == ((7,), PASSED)


def test_an_sm_that_only_ends_with_errors_has_not_vanished(test: DeepTest):
    rest = [sm_id for sm_id in range(SMS) if sm_id != 7]
    told = test.with_results([*ran([7], 10, ERROR), *enough(sms=rest)])

    assert (told.silent, told.outcome) == ((), OPEN)


def test_a_blamed_sm_that_vanished_keeps_it_open(test: DeepTest):
    told = test.with_results(enough(sms=[sm_id for sm_id in range(SMS) if sm_id != BLAMED]))

    assert (told.silent, told.outcome) == ((BLAMED,), OPEN)


def test_sms_that_hardly_pass_beside_others_that_do_keep_it_from_ending(test: DeepTest):
    rest = [sm_id for sm_id in range(SMS) if sm_id != 7]
    never = test.with_results([*ran([7], 10, ERROR), *enough(sms=rest)])
    seldom = never.with_results(ran([7], 29))

    assert (never.stalled, seldom.stalled) == ((7,), (7,))
    assert seldom.with_results(ran([7], 1)).outcome is PASSED
    assert test.with_results([*ran([7], 10, ERROR), *ran(rest, SILENT_AFTER - 1)]).stalled == ()


def test_a_blamed_sm_that_vanished_keeps_it_from_ending_and_others_do_not(test: DeepTest):
    gone = [sm_id for sm_id in range(SMS) if sm_id not in (BLAMED, 7)]

    assert test.with_results(enough(sms=gone)).stalled == (BLAMED,)


def test_where_no_sm_passes_all_of_them_keep_it_from_ending(test: DeepTest):
    assert test.stalled == ()
    assert test.with_results(ran([0], 1, ERROR)).stalled == tuple(range(SMS))


def test_it_keeps_when_each_probe_type_failed_first_and_begins_anew_without_them(test: DeepTest):
    failed = test.with_results([*ran([5], 2, FAIL, AES, at_ns=9), *ran([BLAMED], 1, FAIL, at_ns=7)])
    failed = failed.with_results(ran([5], 1, FAIL, AES, at_ns=8))
    again = failed.reopened(20)

    assert (failed.outcome, failed.failed) == (FAILED, ((FMA, 7), (AES, 8)))
    assert (again.outcome, again.failures, again.failed_sm, again.failed) == (OPEN, 0, None, ())
    assert (again.types, again.anew_ns) == (1 << FMA | 1 << AES, 20)
    assert again.with_results([*enough(), *ran([BLAMED], 1, probe=AES)]).outcome is PASSED


def test_an_explained_failure_has_the_passes_counted_anew(test: DeepTest):
    almost = test.with_results(ran(range(SMS), NEEDED - 1))
    mixed = almost.with_results([*ran([5], 1, FAIL, AES), *enough()], explained=1 << AES)

    assert (mixed.outcome, mixed.failures, sum(mixed.passes)) == (OPEN, 0, 0)
    assert mixed.types == 1 << FMA | 1 << AES


def test_nothing_counts_while_what_it_is_about_is_explained(test: DeepTest):
    hidden = test.with_results(enough(TENSOR), explained=1 << FMA)

    assert (hidden.outcome, hidden.share_done) == (OPEN, 0.0)
    assert hidden.with_results(enough(), explained=1 << AES).outcome is PASSED


def test_a_failure_with_no_such_cause_fails_it_whatever_else_is_explained(test: DeepTest):
    told = test.with_results([*ran([5], 1, FAIL, AES), *ran([BLAMED], 1, FAIL)], explained=1 << AES)

    assert (told.outcome, told.failures, told.failed_sm) == (FAILED, 1, BLAMED)


def test_other_probes_do_not_stand_in_for_the_one_that_failed(test: DeepTest):
    others = test.with_results(enough(TENSOR))

    assert others.outcome is OPEN
    assert others.with_results(ran([0], 1)).outcome is OPEN
    assert others.with_results(ran([BLAMED], 1)).outcome is PASSED


def test_what_was_sighted_lately_is_what_it_is_about_also_where_the_evidence_was_dropped():
    acquitted = planned(SmTable().with_results(ran(range(SMS), 40)), sighted=1 << AES)

    assert (acquitted.blamed_sm, acquitted.types) == (None, 1 << AES)
    assert acquitted.with_results(enough(), explained=1 << AES).outcome is OPEN
