"""`--fault`: what it takes, what it refuses because it could do nothing, and what is said where it did nothing."""

from __future__ import annotations

import pytest
from tests.node_service.doubles import GPU

from sentinel_node.app.exits import Exit
from sentinel_node.app.faulting import Given, fault_of
from sentinel_node.app.probing import Asked, plan_of, told_of_faults
from sentinel_node.device.opening import software_gpus
from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.probes import Finding, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.probes.software.faults import Hang, StuckBit


def test_a_fault_is_written_with_its_parameters():
    assert fault_of("stuck_bit:sm=3,bit=0x7") == StuckBit(3, 7)
    assert fault_of("hang") == Hang()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("stuck_bit:sm=132,bit=1", "sm is 132, and goes from 0 to 131"),
        ("dead_sm:sm=-1", "sm is -1"),
        ("stuck_bit:sm=3,bit=99", "bit is 99, and goes from 0 to 31"),
        ("stuck_bit:sm=3,bit=1,value=7", "value is 7"),
        ("flipped_lane:sm=3,lane=32", "lane is 32"),
        ("wrong_once_in:sm=3,period=0", "period is 0"),
        ("stuck_bit:sm=3,bit=3,unit=zz", "there is no unit 'zz'"),
    ],
)
def test_a_fault_that_would_have_no_effect_is_refused(text, why):
    with pytest.raises(Invalid, match=why):
        fault_of(text)


@pytest.mark.parametrize("text", ["melted", "stuck_bit:sm=3", "stuck_bit:sm=x,bit=1", "dead_sm:lane=1"])
def test_a_fault_that_cannot_be_is_refused_with_those_that_can(text):
    with pytest.raises(Invalid, match="flipped_lane:sm,lane"):
        fault_of(text)


def given(text):
    return Given(text, fault_of(text))


def test_a_missing_parameter_is_named_with_what_it_means():
    with pytest.raises(Invalid) as refused:
        fault_of("wrong_once_in:sm=3")

    assert "period is missing; wrong_once_in needs sm (which SM), period (one result in how many" in str(refused.value)
    assert "__init__" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "fault", "why"),
    [
        (ProbeKind.MEMORY, "stuck_bit:sm=3,bit=9", "the memory probe tests none"),
        (ProbeKind.FMA, "stuck_bit:sm=3,bit=4", "on SM 3, and --sm names only 5"),
        (ProbeKind.AES, "dead_sm:sm=5,unit=tensor", "the aes probe uses no unit tensor, but alu"),
    ],
)
def test_a_fault_that_cannot_touch_the_probe_is_refused(kind, fault, why):
    with pytest.raises(Invalid, match=why):
        given(fault).check(ProbePlan(kind, GPU.uuid, seed=1, sms=(5,)))


@pytest.mark.parametrize("fault", ["hang", "launch_error:launch=3", "dead_sm:sm=5,unit=alu"])
def test_a_fault_that_may_touch_the_probe_is_taken(fault):
    given(fault).check(ProbePlan(ProbeKind.AES, GPU.uuid, seed=1, sms=(5,)))


def told(fault, *outcomes):
    findings = tuple(Finding(outcome, sm, "fp32") for sm, outcome in enumerate(outcomes))
    report = ProbeReport(ProbePlan(ProbeKind.FMA, GPU.uuid, seed=1), findings, len(findings), 0, 1)
    ran = told_of_faults(report, (given(fault),))
    return ran.report.notes, ran.code


@pytest.mark.parametrize("fault", ["hang:launch=1", "launch_error:launch=9", "wrong_once_in:sm=1,period=0x7fffffff"])
def test_a_pass_in_spite_of_a_fault_is_no_answer(fault):
    notes, code = told(fault, Outcome.PASS, Outcome.PASS)

    assert (notes, code) == ((f"the fault never took effect: {fault}",), Exit.UNKNOWN)


@pytest.mark.parametrize(
    ("fault", "outcome", "code"),
    [
        ("hang", Outcome.TIMEOUT, Exit.UNKNOWN),
        ("launch_error", Outcome.ERROR, Exit.UNKNOWN),
        ("dead_sm:sm=1", Outcome.FAIL, Exit.UNMET),
        ("unreached:sm=1,launches=1", Outcome.PASS, Exit.OK),
    ],
)
def test_a_fault_that_took_effect_needs_no_note(fault, outcome, code):
    assert told(fault, Outcome.PASS, outcome) == ((), code)


def test_a_fault_beside_one_that_was_found_is_told_and_the_failure_stands():
    notes, code = told("hang:launch=7", Outcome.PASS, Outcome.FAIL)

    assert (notes, code) == (("the fault never took effect: hang:launch=7",), Exit.UNMET)


@pytest.mark.parametrize("sm", [132, 500])
def test_an_sm_that_the_gpu_has_not_is_refused_with_those_it_has(sm):
    asked = Asked("fma", "", "", 1, (3, sm), 0, 60.0, is_deep=False)

    with pytest.raises(Invalid, match=f"there is no SM {sm}: this GPU has SMs 0 to 131"):
        plan_of(asked, software_gpus(1))
