"""Every mode with every operation: what a mode does not permit is refused, whatever else speaks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acting_gate.conftest import case_of

from gcm_sentinel.domain.gate import Verdict, decide
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import DECLARED, Operation

OPERATIONS = list(Operation)
ASKS_ALWAYS = {Operation.CONDEMN_GPU}


def test_every_operation_is_declared():
    assert set(DECLARED) == set(Operation)
    assert all(declaration.operation is operation for operation, declaration in DECLARED.items())


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", [Mode.RECOMMEND, Mode.ANNOTATE])
def test_observing_modes_refuse_everything(mode, operation):
    ruling = decide(case_of(operation, mode))

    assert ruling.verdict is Verdict.REFUSED
    assert f"mode {mode} does not permit remediate" in ruling.reason


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", ["execute", "EXECUTE", "root", None, 3, object()])
def test_an_unknown_mode_refuses_everything(mode, operation):
    assert decide(case_of(operation, mode)).verdict is Verdict.REFUSED


@pytest.mark.parametrize("operation", OPERATIONS)
def test_approve_asks_for_everything(operation):
    ruling = decide(case_of(operation, Mode.APPROVE))

    assert ruling.verdict is Verdict.ASK
    assert "a person decides" in ruling.reason


@pytest.mark.parametrize("operation", OPERATIONS)
def test_execute_allows_all_but_what_always_needs_a_person(operation):
    ruling = decide(case_of(operation, Mode.EXECUTE))

    assert ruling.verdict is (Verdict.ASK if operation in ASKS_ALWAYS else Verdict.ALLOWED)


def test_an_operation_that_is_not_ours_is_refused(case):
    unknown = replace(case, order=replace(case.order, operation="format_disk"))

    assert decide(unknown).verdict is Verdict.REFUSED
    assert "no operation of ours" in decide(unknown).reason


def test_without_rules_nothing_is_allowed(case):
    assert decide(case, ()).verdict is Verdict.REFUSED
