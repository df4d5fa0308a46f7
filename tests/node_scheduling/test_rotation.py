"""Every SM has its turn, for certain and not in all likelihood."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from tests.node_scheduling.gpu import SMS, played

from sentinel_node.domain.probes import Outcome, ProbeKind
from sentinel_node.domain.schedule import Entry
from sentinel_node.scheduling.coverage import active_sms, coverage
from sentinel_node.scheduling.rotation import runs_for_all, sms_of

AES = Entry(ProbeKind.AES, 300, share=0.25)


@given(
    first=st.integers(0, 300),
    sm_count=st.integers(1, 300),
    share=st.floats(0.01, 1) | st.sampled_from([1 / 3, 0.1, 0.125]),
)
def test_after_one_over_share_runs_every_sm_had_its_turn(first: int, sm_count: int, share: float):
    runs = math.ceil(1 / share - 1e-9)

    taken = [frozenset(sms_of(first + run, sm_count, share) or range(sm_count)) for run in range(runs)]

    assert set().union(*taken) == set(range(sm_count))
    assert max(map(len, taken)) <= math.ceil(sm_count / runs)


def test_the_published_shares_take_as_many_runs_as_they_say():
    assert [runs_for_all(share) for share in (1.0, 0.5, 0.25, 0.125, 0.1)] == [1, 2, 4, 8, 10]


def test_the_first_run_takes_all_sms_because_their_number_is_not_known():
    gpu = played((AES,))
    gpu.play(301)

    assert gpu.ran[0][1].sms == ()


def test_later_runs_take_a_share_and_all_are_covered_after_a_round():
    gpu = played((AES,))
    gpu.play(301 + 4 * 300)

    assert [len(one.sms) for _, one in gpu.ran[1:]] == [SMS // 4] * 4
    assert {sm for _, one in gpu.ran[1:] for sm in one.sms} == set(range(SMS))


def test_an_sm_that_was_not_reached_is_asked_again_by_the_next_run():
    gpu = played((AES,), outcome=Outcome.NOT_RUN, bad={7})
    gpu.play(301)

    gpu.play(300)

    assert 7 in gpu.ran[1][1].sms


def test_coverage_counts_only_sms_that_answered_within_a_round():
    gpu = played((AES,), outcome=Outcome.ERROR, bad=set(range(33)))
    gpu.play(301)

    def told(later_s: float) -> tuple[float, int]:
        now_s = gpu.now_s + later_s
        share = coverage(gpu.state.kinds[ProbeKind.AES], AES, 300, SMS, now_s)
        return share, active_sms(gpu.state, {AES: 300.0}, now_s)

    assert told(0) == (0.75, 99)
    assert told(4 * 300 * 1.5 + 1) == (0.0, 0)
