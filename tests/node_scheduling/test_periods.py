"""Each probe keeps to its period, and no two GPUs beat in step."""

from __future__ import annotations

import pytest
from tests.node_scheduling.gpu import identity, played

from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.probes import ProbeKind
from sentinel_node.domain.schedule import DEFAULT, PRESETS, Entry, checked
from sentinel_node.scheduling.state import begun


def test_within_an_hour_every_probe_runs_as_often_as_its_period_says():
    gpu = played()

    gpu.play(3600)

    assert {entry.kind: len(gpu.times(entry.kind)) for entry in DEFAULT} == {
        entry.kind: 3600 / entry.period_s for entry in DEFAULT
    }


def test_a_period_is_kept_to_the_end_however_late_runs_begin():
    gpu = played((Entry(ProbeKind.FMA, 60),))
    gpu.play(60)
    first_s = gpu.times(ProbeKind.FMA)[0]
    gpu.now_s = first_s + 60 + 17

    gpu.run(gpu.due()[0])
    gpu.play(200)

    assert gpu.times(ProbeKind.FMA)[2] == first_s + 120


def test_what_was_missed_is_left_out_and_not_made_up_for():
    gpu = played((Entry(ProbeKind.FMA, 60),))
    gpu.play(60)

    gpu.now_s += 3600
    gpu.run(gpu.due()[0])

    assert gpu.due() == ()


def test_gpus_that_start_together_do_not_probe_together():
    firsts = [begun(identity(index), DEFAULT, 0).kinds[ProbeKind.MEMORY].last_due_s + 600 for index in range(200)]

    assert min(firsts) >= 0
    assert max(firsts) <= 600
    tenths = [sum(60 * tenth <= one < 60 * (tenth + 1) for one in firsts) for tenth in range(10)]
    assert min(tenths) >= 8


def test_the_lower_priority_number_goes_first_then_what_waited_longest():
    gpu = played()
    gpu.now_s += 10_000

    order = [(one.entry.priority, one.since_s) for one in gpu.due()]

    assert order == sorted(order)
    assert len(order) == len(ProbeKind)


def test_the_first_run_has_time_to_compile_and_later_ones_have_the_timeout_of_the_schedule():
    gpu = played((Entry(ProbeKind.FMA, 60, timeout_s=0.5),))

    gpu.play(120)

    assert [one.deadline_s for _, one in gpu.ran] == [60.5, 0.5]


def test_each_run_has_the_seed_it_is_given():
    gpu = played((Entry(ProbeKind.FMA, 60),))
    gpu.now_s += 60

    assert [gpu.due()[0].plan("GPU-0", seed).seed for seed in (7, 8)] == [7, 8]


@pytest.mark.parametrize(
    ("preset", "fma", "memory"),
    [("default", (60, 1.0), (600, 4)), ("aggressive", (30, 1.0), (300, 3)), ("low_overhead", (240, 0.25), (2400, 5))],
)
def test_the_presets_are_the_published_schedules(preset, fma, memory):
    entries = {entry.kind: entry for entry in PRESETS[preset]}

    assert (entries[ProbeKind.FMA].period_s, entries[ProbeKind.FMA].share) == fma
    assert (entries[ProbeKind.MEMORY].period_s, entries[ProbeKind.MEMORY].priority) == memory
    assert set(entries) == set(ProbeKind)


@pytest.mark.parametrize("wrong", [{"period_s": 0}, {"share": 0.0}, {"share": 1.1}, {"timeout_s": float("nan")}])
def test_an_entry_that_cannot_be_is_refused(wrong):
    with pytest.raises(Invalid):
        Entry(ProbeKind.FMA, **{"period_s": 60, **wrong})


def test_a_schedule_with_a_probe_twice_is_refused():
    with pytest.raises(Invalid, match="fma twice"):
        checked([Entry(ProbeKind.FMA, 60), Entry(ProbeKind.FMA, 30)])
