"""What is measured of answers, and the figures over them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Draft, RecommendedAction, Severity
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.evals.ablation import untold
from gcm_sentinel.evals.dropping import dropped
from gcm_sentinel.evals.expectation import parse
from gcm_sentinel.evals.figures import by_class, figures, groups, whole
from gcm_sentinel.evals.measures import accuses, measure, no_fault

HARMLESS = {"fault_class": ["transient_xid"], "severity": ["info"]}
WELL = Draft(Severity.OK, FaultClass.HEALTHY, "", "", 0.9)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"severity": ["info", "warning"]}, False),
        ({"fault_class": ["transient_xid", "app_hang"]}, False),
        ({"entities": [{"kind": "pod", "name": "p"}]}, False),
    ],
    ids=["nothing-at-fault", "not-calm", "a-fault-would-do", "a-culprit"],
)
def test_where_nothing_is_at_fault_follows_from_the_answer_sheet(change, expected):
    assert no_fault(parse({**HARMLESS, **change}, where="test")) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"fault_class": FaultClass.INCONCLUSIVE}, False),
        ({"fault_class": FaultClass.GSP_HANG}, True),
        ({"actions": (RecommendedAction(Action.DRAIN),)}, True),
        ({"actions": (RecommendedAction(Action.WATCH),)}, False),
    ],
    ids=["healthy", "inconclusive", "a-fault", "takes-a-node", "watches"],
)
def test_an_answer_accuses_by_its_class_or_by_what_it_would_take_away(change, expected):
    assert accuses(replace(WELL, **change)) is expected


async def test_an_answer_is_measured_by_its_claims_and_what_they_cite(investigate):
    found = await investigate()
    wanted = [{"source": "kernel_log", "contains": "fallen"}, {"source": "kernel_log", "contains": "Xid 999"}]
    expected = parse({"fault_class": ["gpu_off_bus"], "severity": ["critical"], "evidence": wanted}, where="test")

    measures = measure(found.assessment, found.evidence, expected, ("prometheus",))

    assert (measures.evidence_cited, measures.evidence_wanted) == (1, 2)
    assert (measures.claims_founded, measures.claims, measures.struck) == (1, 1, 0)
    assert (measures.right, measures.accuses, measures.turns, measures.tool_calls) == (True, True, 2, 1)
    assert measures.gaps_untold == ("prometheus",)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (("kernel log: no tool read_kernel_log is offered", "GPU metrics (Prometheus) were not there"), ()),
        (("the kernel log could not be read",), ("prometheus",)),
        (("dmesg was not readable", "metrics of the node were not there"), ()),
        (("could not be checked: kernel log, Prometheus",), ()),
        (("kernel log", "Prometheus metrics"), ()),
        (("DCGM metrics of GPU 3 (exporter down): an Xid in dmesg would not show",), ("kernel_log", "prometheus")),
        (("the kernel log is full of Prometheus errors that nobody understands",), ("kernel_log", "prometheus")),
        ((), ("kernel_log", "prometheus")),
    ],
)
def test_an_answer_that_says_nothing_of_a_missing_source_is_noticed(said, left):
    assert untold(("kernel_log", "prometheus"), said) == left


def test_a_case_that_could_not_be_run_is_not_passed_and_has_no_points(case, broken):
    found = figures([case(), broken("t")])

    assert (found.passed.successes, found.passed.trials, found.errors) == (1, 2, 1)
    assert found.mean_score == 50
    assert found.calibration.answers == 1


def test_what_is_forbidden_is_counted_by_kind(case):
    advice, claim = "recommended rma", "claimed 'NCCL'"
    records = [case("a", p_forbidden=(advice, claim)), case("b", p_forbidden=("did drain_node on n",)), case("c")]

    found = figures(records).forbidden

    assert (found.cases, found.advised, found.claimed, found.done) == (2, 1, 1, 1)


def test_leaving_alone_and_passing_over_are_counted_on_their_own_cases(case):
    calm = {"m_accuses": False, "m_fault_class": "healthy"}
    records = [
        case("well", is_fault=False, **calm),
        case("well", 2, is_fault=False),
        case("ill", **calm, m_right=False),
        case("ill", 4, **calm),
        case("ill", 2, m_accuses=False, m_fault_class="inconclusive"),
        case("ill", 3),
    ]

    found = figures(records)

    assert (found.left_alone.successes, found.left_alone.trials) == (1, 2)
    assert (found.passed_over.successes, found.passed_over.trials) == (1, 4)


def test_one_unknown_price_makes_the_cost_unknown(case):
    assert figures([case(m_cost_usd=0.5), case("t", m_cost_usd=0.25)]).spent.cost_usd == 0.75
    assert figures([case(m_cost_usd=0.5), case("t", m_cost_usd=None)]).spent.cost_usd is None


def test_an_answer_by_another_engine_is_told(case):
    records = [
        case(engine="anthropic", m_answered_by="playbook"),
        case("t", engine="anthropic", m_answered_by="anthropic"),
    ]

    assert figures(records).stood_in == 1


def test_a_case_that_no_model_could_finish_is_not_one_that_another_answered(case):
    found = figures([case(engine="openai", m_outcome="failed", m_answered_by="none"), case("t", m_outcome="partial")])

    assert (found.unanswered, found.stood_in, found.cut_short) == (1, 0, 1)


@pytest.mark.parametrize("outcome", ["partial", "failed"])
def test_what_is_said_in_the_place_of_an_answer_is_no_virtue(case, outcome):
    found = figures([case(is_fault=False, m_outcome=outcome, m_accuses=False, m_confidence=0.0, m_right=False)])

    assert (found.left_alone.successes, found.left_alone.trials) == (0, 1)
    assert found.calibration.answers == 0


def test_several_seeds_make_the_interval_one_by_scenario(case):
    once, twice = [case(), case("t", p_root_cause=0)], [case(), case("t", p_root_cause=0), case("t", 2, p_root_cause=0)]

    assert not figures(once).passed.by_scenario
    assert figures(twice).passed.by_scenario
    assert [group.passed.by_scenario for group in groups(twice, by_class)] == [True]


def test_groups_have_their_own_figures(case):
    records = [case(), case(seed=2, p_root_cause=0), case("t", expected_class="gsp_hang")]

    found = {group.name: (group.passed.successes, group.passed.trials) for group in groups(records, by_class)}

    assert found == {"gpu_off_bus": (1, 2), "gsp_hang": (1, 1)}


def test_a_run_is_told_by_its_cases_with_every_source(case):
    assert whole([case(), case(without=("dcgm",))]) == (case(),)
    assert dropped([case()]) == ()


def test_silence_about_a_gap_is_worst_where_the_gap_made_the_answer_worse(case):
    silent = {"without": ("kernel_log",), "m_gaps_untold": ("kernel_log",)}
    records = [case(), case(seed=2), case(without=("dcgm",)), case(**silent), case(seed=2, **silent, p_root_cause=0)]

    assert [(item.group.name, item.silent, item.silent_losses) for item in dropped(records)] == [
        ("(every source)", 0, 0), ("dcgm", 0, 0), ("kernel_log", 2, 1),
    ]  # fmt: skip
