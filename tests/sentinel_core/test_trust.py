"""TMR rounds: votes, who is trusted, and what a dissent costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import AGENT, NOW_NS, SECOND_NS, Place, gpu

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrOutcome, TmrReport, TmrVerdict, checked, vote
from sentinel_gateway.domain.trust import HALF_LIFE_H, Edge, Pair, figures

A, B, C = b"a" * 32, b"b" * 32, b"c" * 32


def canary(*fingerprints: bytes, canary_id: str = "c-1", first: int = 0) -> TmrReport:
    results = (TmrGpuResult(gpu(first + number), one) for number, one in enumerate(fingerprints))
    return TmrReport(canary_id, tuple(results), NOW_NS)


VOTES = {
    "all equal": (canary(A, A, A), TmrOutcome.UNANIMOUS, A, None),
    "first alone": (canary(B, A, A), TmrOutcome.DISSENT, A, 0),
    "second alone": (canary(A, B, A), TmrOutcome.DISSENT, A, 1),
    "third alone": (canary(A, A, B), TmrOutcome.DISSENT, A, 2),
    "all different": (canary(A, B, C), TmrOutcome.NO_CONSENSUS, b"", None),
    "one missing": (canary(A, A), TmrOutcome.INSUFFICIENT, b"", None),
    "one empty": (canary(A, A, b""), TmrOutcome.INSUFFICIENT, b"", None),
    "nobody": (canary(), TmrOutcome.INSUFFICIENT, b"", None),
    "a longer one": (canary(A, A + b"\0", A), TmrOutcome.DISSENT, A, 1),
}


@pytest.mark.parametrize("name", VOTES)
def test_fingerprints_are_compared_byte_by_byte(name: str):
    report, outcome, consensus, dissenter = VOTES[name]

    expected = TmrVerdict("c-1", outcome, consensus, None if dissenter is None else gpu(dissenter))
    assert vote(report) == expected


def test_a_failed_result_has_no_vote():
    report = canary(A, A, B)
    results = (*report.results[:2], replace(report.results[2], success=False))

    assert vote(replace(report, results=results)).outcome is TmrOutcome.INSUFFICIENT


async def test_pairs_that_agreed_and_that_did_not(either: Place):
    async with either.running() as core:
        await core.report_tmr(AGENT, canary(A, A, A))
        await core.report_tmr(AGENT, canary(B, A, A, canary_id="c-2"))
        before = await core.trust_graph()
    async with either.running() as core:
        graph = await core.trust_graph()

    assert graph == before
    counts = {
        (edge.gpu_a.device_index, edge.gpu_b.device_index): (edge.agreement_count, edge.disagreement_count)
        for edge in graph.edges
    }
    assert counts == {(0, 1): (1, 1), (0, 2): (1, 1), (1, 2): (2, 0)}
    assert graph.min_trust_score == 0.5
    assert graph.mean_trust_score == pytest.approx(2 / 3)
    assert (graph.coverage_pct, graph.total_gpus) == (100.0, 3)


async def test_a_dissent_weighs_two_failures(place: Place):
    async with place.running() as core:
        await core.report_tmr(AGENT, canary(B, A, A))

        assert (await core.gpu_health(gpu(0).uuid)).beta == 3.0
        assert (await core.gpu_health(gpu(1).uuid)).beta == 1.0


async def test_the_same_canary_again_answers_as_before_and_counts_once(either: Place):
    async with either.running() as core:
        first = await core.report_tmr(AGENT, canary(B, A, A))
    async with either.running() as core:
        again = await core.report_tmr(AGENT, canary(A, A, A))

        assert again == replace(first, duplicate=True)
        assert (await core.gpu_health(gpu(0).uuid)).beta == 3.0


@pytest.mark.parametrize("report", [canary(A, B, C), canary(A, A)])
async def test_without_a_majority_nobody_is_compared(place: Place, report: TmrReport):
    async with place.running() as core:
        await core.report_tmr(AGENT, report)

        assert (await core.trust_graph()).edges == ()


async def test_coverage_is_of_all_pairs_of_known_gpus(place: Place):
    async with place.running() as core:
        await core.report_tmr(AGENT, canary(A, A, A))
        await core.report_tmr(AGENT, canary(A, A, A, canary_id="c-2", first=3))

        assert (await core.trust_graph()).coverage_pct == pytest.approx(100 * 6 / 15)


async def test_an_empty_graph_is_all_zeros(place: Place):
    async with place.running() as core:
        graph = await core.trust_graph()

    assert (graph.min_trust_score, graph.mean_trust_score, graph.coverage_pct, graph.total_gpus) == (0, 0, 0, 0)
    assert figures([], 1).coverage_pct == 0.0


INVALID = {
    "no id": canary(A, A, A, canary_id=""),
    "four results": canary(A, A, A, A),
    "a GPU twice": replace(canary(A, A, A), results=(TmrGpuResult(gpu(0), A),) * 3),
    "no GPU": replace(canary(A), results=(TmrGpuResult(replace(gpu(), uuid=""), A),)),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_cannot_be_voted_on_is_invalid(name: str):
    with pytest.raises(Invalid):
        checked(INVALID[name], 65_536)


async def test_a_canary_of_the_future_is_invalid(place: Place):
    async with place.running() as core:
        with pytest.raises(Invalid, match="400 s in the future"):
            await core.report_tmr(AGENT, replace(canary(A, A, A), time_ns=NOW_NS + 400 * SECOND_NS))


def test_old_comparisons_count_less_and_late_ones_as_old():
    month_ns = int(HALF_LIFE_H * 3.6e12)
    pair = Pair("a", "b")
    later = Edge(pair).compared(agreed=False, time_ns=NOW_NS).compared(agreed=True, time_ns=NOW_NS + month_ns)
    late = Edge(pair).compared(agreed=True, time_ns=NOW_NS + month_ns).compared(agreed=False, time_ns=NOW_NS)

    assert later == late
    assert (later.agreements, later.disagreements) == (1, 1)
    assert later.score == pytest.approx(2 / 3)


def test_counts_however_small_decay():
    old = Edge(Pair("a", "b"))
    for _ in range(400):
        old = old.compared(agreed=False, time_ns=NOW_NS)
    hour_ns = int(3.6e12)

    assert old.compared(agreed=True, time_ns=NOW_NS + hour_ns).disagreed == pytest.approx(400 * 0.999, abs=0.001)
