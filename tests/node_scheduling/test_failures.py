"""A failure is looked at again at once, and then so late that the gateway takes it for another event."""

from __future__ import annotations

from tests.node_scheduling.gpu import played

from sentinel_node.domain.probes import Depth, ProbeKind
from sentinel_node.domain.schedule import Entry

FMA = (Entry(ProbeKind.FMA, 600, depth=Depth.DEEP),)
BURST_S = 20
"""Within which the gateway takes failures for one event (docs/sentinel-model.md)."""


def test_it_runs_again_at_once_and_twice_more_on_the_sms_that_failed_and_light():
    gpu = played(FMA, bad={5, 17})
    gpu.play(700)

    first_s = gpu.ran[0][0]

    assert [(when - first_s, one.sms, one.depth) for when, one in gpu.ran[1:4]] == [
        (0.0, (5, 17), Depth.LIGHT),
        (25.0, (5, 17), Depth.LIGHT),
        (50.0, (5, 17), Depth.LIGHT),
    ]


def test_a_dead_sm_makes_three_events_within_a_minute():
    gpu = played(FMA, bad={5})
    gpu.play(700)
    times = [when for when, _ in gpu.ran]

    events = [when for when, before in zip(times, [float("-inf"), *times], strict=False) if when - before >= BURST_S]

    assert events[2] - events[0] <= 60


def test_a_rerun_goes_before_everything_else():
    gpu = played(bad={5})
    gpu.now_s += 10_000

    gpu.run(gpu.due()[0])

    assert (gpu.due()[0].attempt, gpu.due()[0].entry.kind) == (1, gpu.ran[0][1].entry.kind)


def test_what_fails_again_is_not_looked_at_again_itself():
    gpu = played((Entry(ProbeKind.FMA, 60),), bad={5})

    gpu.play(600)

    assert sum(one.attempt > 0 for _, one in gpu.ran) == 3


def test_an_sm_that_goes_on_failing_is_looked_at_again_every_ten_minutes_at_most():
    gpu = played((Entry(ProbeKind.FMA, 60),), bad={5})

    gpu.play(6000)

    assert sum(one.attempt > 0 for _, one in gpu.ran) in range(27, 31)


def test_a_rerun_shifts_no_schedule():
    failing, healthy = played(FMA, bad={5}), played(FMA)

    failing.play(3600)
    healthy.play(3600)

    assert [when for when, one in failing.ran if not one.attempt] == [when for when, _ in healthy.ran]


def test_a_failure_of_memory_is_looked_at_again_too():
    gpu = played((Entry(ProbeKind.MEMORY, 600),), bad={0})

    gpu.play(700)

    assert [one.attempt for _, one in gpu.ran] == [0, 1, 2, 3]
